//! Texts of a batch in, runs of texts of one length out, which share their attention products.

/// Neighbouring texts of one length.
pub(super) struct Group {
    /// First row in the token matrix.
    pub(super) start: usize,
    pub(super) texts: usize,
    pub(super) length: usize,
}

pub(super) fn equal_length_groups(batch: &[&[u32]]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut start = 0;
    for ids in batch {
        match groups.last_mut() {
            Some(group) if group.length == ids.len() => group.texts += 1,
            _ => groups.push(Group { start, texts: 1, length: ids.len() }),
        }
        start += ids.len();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_equal_length_share_a_group() {
        let texts: [&[u32]; 4] = [&[1, 2], &[3, 4], &[5, 6, 7], &[8, 9]];
        let groups = equal_length_groups(&texts);
        let shape: Vec<_> = groups.iter().map(|g| (g.start, g.texts, g.length)).collect();
        assert_eq!(shape, [(0, 2, 2), (4, 1, 3), (7, 1, 2)]);
    }
}
