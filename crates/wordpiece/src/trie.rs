//! Tokens with their ids in, the longest token that starts a text out; knows nothing of words or of what a token means.
//!
//! All edges lie in one open table keyed by node and byte: a step reads one place, and building is one pass over the sorted
//! tokens (a double array reads one place too, but must search for room).

/// What a lookup multiplies by: 2^64 divided by the golden ratio, Knuth, The Art of Computer Programming 3, section 6.4.
const SCATTER: u64 = 0x9E37_79B9_7F4A_7C15;

/// The id of a node where no token ends.
const NONE: u32 = u32::MAX;

/// Edge from a node by a byte.
#[derive(Debug, Clone, Copy)]
struct Edge {
    /// Node times 256 plus byte plus one; 0 where the place is free.
    key: u32,
    child: u32,
    /// Of the token that ends at `child`, or [`NONE`].
    id: u32,
}

/// A set of byte strings, each with an id.
#[derive(Debug)]
pub(crate) struct Trie {
    edges: Box<[Edge]>,
    shift: u32,
}

impl Trie {
    /// The trie of `tokens`, which must be sorted and without duplicates; none where they are too many for its numbers.
    pub(crate) fn new(tokens: &[(&[u8], u32)]) -> Option<Self> {
        let mut count = 0;
        let mut before: &[u8] = &[];
        for (token, _) in tokens {
            count += token.len() - shared(before, token);
            before = token;
        }
        if count >= (1 << 24) - 1 {
            return None;
        }
        let places = (count * 2).next_power_of_two().max(2);
        let free = Edge { key: 0, child: 0, id: NONE };
        let mut trie = Self { edges: vec![free; places].into(), shift: 64 - places.ilog2() };
        // Nodes on the way to the token before, from the root.
        let mut path = vec![0];
        let mut nodes = 1;
        let mut before: &[u8] = &[];
        for &(token, id) in tokens {
            path.truncate(shared(before, token) + 1);
            for at in path.len() - 1..token.len() {
                let ends = at + 1 == token.len();
                trie.insert(path[at], token[at], nodes, if ends { id } else { NONE });
                path.push(nodes);
                nodes += 1;
            }
            before = token;
        }
        Some(trie)
    }

    /// The longest token at the start of `bytes`: its id and its length.
    #[inline]
    pub(crate) fn longest(&self, bytes: &[u8]) -> Option<(u32, usize)> {
        let mut node = 0;
        let mut best = None;
        for (at, &byte) in bytes.iter().enumerate() {
            let Some(edge) = self.step(node, byte) else { break };
            node = edge.child;
            if edge.id != NONE {
                best = Some((edge.id, at + 1));
            }
        }
        best
    }

    fn insert(&mut self, node: u32, byte: u8, child: u32, id: u32) {
        let key = key(node, byte);
        let mut place = self.place(key);
        while self.edges[place].key != 0 {
            place = (place + 1) & (self.edges.len() - 1);
        }
        self.edges[place] = Edge { key, child, id };
    }

    #[inline]
    fn step(&self, node: u32, byte: u8) -> Option<Edge> {
        let key = key(node, byte);
        let mut place = self.place(key);
        // Ends: at most half of the places are taken.
        loop {
            let edge = self.edges[place];
            if edge.key == key {
                return Some(edge);
            }
            if edge.key == 0 {
                return None;
            }
            place = (place + 1) & (self.edges.len() - 1);
        }
    }

    #[inline]
    fn place(&self, key: u32) -> usize {
        (u64::from(key).wrapping_mul(SCATTER) >> self.shift) as usize
    }
}

#[inline]
fn key(node: u32, byte: u8) -> u32 {
    (node << 8 | u32::from(byte)) + 1
}

/// Number of bytes that `a` and `b` begin with alike.
fn shared(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_token_is_found_and_no_other() {
        let tokens: Vec<(&[u8], u32)> = vec![(b"a", 0), (b"ab", 7), (b"abcd", 2), (b"b", 3), (b"bcd\xc3\xa9", 4)];
        let trie = Trie::new(&tokens).expect("few tokens");
        for (text, expected) in [
            ("a", Some((0, 1))),
            ("abc", Some((7, 2))),
            ("abcde", Some((2, 4))),
            ("bcde", Some((3, 1))),
            ("bcdé", Some((4, 5))),
            ("c", None),
            ("", None),
        ] {
            assert_eq!(trie.longest(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(Trie::new(&[]).expect("no tokens").longest(b"a"), None);
    }
}
