//! Looks into embedded font programs for what the PDF left out: the characters of glyphs; knows tables and offsets, not PDF.

/// The built-in encoding of a Type 1 program: codes and glyph names, from lines such as `dup 65 /A put`.
pub(super) fn type1_encoding(program: &[u8]) -> Vec<(u32, &[u8])> {
    let find = |what: &[u8]| program.windows(what.len()).position(|window| window == what);
    let Some(start) = find(b"/Encoding") else { return vec![] };
    let mut out = Vec::new();
    let mut words = program[start..].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).take(4096);
    while let Some(word) = words.next() {
        match word {
            b"dup" => {
                let code =
                    words.next().and_then(|code| std::str::from_utf8(code).ok()).and_then(|code| code.parse().ok());
                let name = words.next().and_then(|name| name.strip_prefix(b"/"));
                if let (Some(code), Some(name)) = (code, name) {
                    out.push((code, name));
                }
            }
            b"def" | b"readonly" if !out.is_empty() => break,
            b"eexec" => break,
            _ => {}
        }
    }
    out
}

/// Glyph numbers and their characters from the `cmap` table of a TrueType or OpenType program; the first character of each glyph.
pub(super) fn glyph_characters(program: &[u8]) -> Vec<(u16, char)> {
    read_glyph_characters(program).unwrap_or_default()
}

fn read_glyph_characters(program: &[u8]) -> Option<Vec<(u16, char)>> {
    let tables = u16_at(program, 4)?;
    let record =
        (0..usize::from(tables)).map(|index| 12 + index * 16).find(|&at| program.get(at..at + 4) == Some(b"cmap"))?;
    let cmap = program.get(u32_at(program, record + 8)? as usize..)?;
    let mut best: Option<(u8, usize)> = None;
    for index in 0..usize::from(u16_at(cmap, 2)?) {
        let at = 4 + index * 8;
        let rank = match (u16_at(cmap, at)?, u16_at(cmap, at + 2)?) {
            (3, 10) | (0, 4..) => 3,
            (3, 1) | (0, _) => 2,
            (3, 0) => 1,
            _ => 0,
        };
        if rank > 0 && best.is_none_or(|(known, _)| rank > known) {
            best = Some((rank, u32_at(cmap, at + 4)? as usize));
        }
    }
    let table = cmap.get(best?.1..)?;
    let mut out = match u16_at(table, 0)? {
        4 => segments(table)?,
        12 => groups(table)?,
        _ => vec![],
    };
    // A glyph that serves several characters stands for the first: the plain form comes before look-alikes.
    out.sort_by_key(|&(glyph, found)| (glyph, found));
    out.dedup_by_key(|(glyph, _)| *glyph);
    Some(out)
}

fn segments(table: &[u8]) -> Option<Vec<(u16, char)>> {
    let count = usize::from(u16_at(table, 6)? / 2);
    let mut out = Vec::new();
    for index in 0..count {
        let end = u16_at(table, 14 + index * 2)?;
        let start = u16_at(table, 16 + count * 2 + index * 2)?;
        let delta = u16_at(table, 16 + count * 4 + index * 2)?;
        let offset_at = 16 + count * 6 + index * 2;
        let offset = u16_at(table, offset_at)?;
        for code in start..=end {
            if out.len() > usize::from(u16::MAX) {
                return Some(out);
            }
            let glyph = match offset {
                0 => code.wrapping_add(delta),
                _ => match u16_at(table, offset_at + usize::from(offset) + usize::from(code - start) * 2) {
                    Some(0) | None => 0,
                    Some(glyph) => glyph.wrapping_add(delta),
                },
            };
            if glyph != 0
                && let Some(found) = char::from_u32(u32::from(code))
            {
                out.push((glyph, found));
            }
        }
    }
    Some(out)
}

fn groups(table: &[u8]) -> Option<Vec<(u16, char)>> {
    let mut out = Vec::new();
    for index in 0..u32_at(table, 12)?.min(65_536) as usize {
        let at = 16 + index * 12;
        let (start, end, first) = (u32_at(table, at)?, u32_at(table, at + 4)?, u32_at(table, at + 8)?);
        for code in start..=end.min(start.saturating_add(65_535)) {
            if out.len() > usize::from(u16::MAX) {
                return Some(out);
            }
            let glyph = u16::try_from(first.saturating_add(code - start)).ok();
            out.extend(glyph.zip(char::from_u32(code)));
        }
    }
    Some(out)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type1_encoding_is_read_from_its_clear_text() {
        let program = b"%!PS\n/Encoding 256 array\n0 1 255 {1 index exch /.notdef put} for\ndup 65 /alpha put\ndup 66 /B put\nreadonly def\ndup 67 /no put";
        assert_eq!(type1_encoding(program), [(65, &b"alpha"[..]), (66, b"B")]);
        assert!(type1_encoding(b"no such thing").is_empty());
    }

    #[test]
    fn a_format_4_table_gives_glyph_characters() {
        let mut font = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        font.extend(b"cmap\0\0\0\0\0\0\0\x1c\0\0\0\x40");
        font.extend([0, 0, 0, 1, 0, 3, 0, 1, 0, 0, 0, 12]);
        let table: [u16; 16] = [4, 32, 0, 4, 0, 0, 0, 0x43, 0xffff, 0, 0x41, 0xffff, 0xffc4, 1, 0, 0];
        font.extend(table.iter().flat_map(|word| word.to_be_bytes()));
        assert_eq!(glyph_characters(&font), [(5, 'A'), (6, 'B'), (7, 'C')]);
        for cut in 0..font.len() {
            let _ = glyph_characters(&font[..cut]);
        }
    }
}
