//! Bytes of tokens in, whole characters out, up to the first stop text; knows nothing of models.

/// Joins the bytes of tokens to text and holds back what may still become a stop text or a character.
#[derive(Debug, Default)]
pub(super) struct TextStream {
    stop: Vec<String>,
    /// Bytes that are not yet a whole character.
    bytes: Vec<u8>,
    /// Text that may be the beginning of a stop text.
    held: String,
    /// A stop text has come.
    stopped: bool,
}

impl TextStream {
    /// A stream that ends before the first of `stop`.
    pub(super) fn new(stop: &[String]) -> Self {
        Self { stop: stop.iter().filter(|stop| !stop.is_empty()).cloned().collect(), ..Self::default() }
    }

    /// Whether a stop text has come; nothing more will.
    pub(super) fn stopped(&self) -> bool {
        self.stopped
    }

    /// The text that is certain after `bytes` more. Bytes that are no UTF-8 become U+FFFD.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        self.bytes.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.bytes) {
                Ok(whole) => {
                    text.push_str(whole);
                    self.bytes.clear();
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.bytes[..valid]));
                    let wrong = error.error_len();
                    self.bytes.drain(..valid + wrong.unwrap_or(0));
                    if wrong.is_some() {
                        text.push(char::REPLACEMENT_CHARACTER);
                        continue;
                    }
                }
            }
            return self.release(&text);
        }
    }

    /// What was held back, at the end of the answer.
    pub(super) fn finish(&mut self) -> String {
        if self.stopped {
            return String::new();
        }
        let mut rest = std::mem::take(&mut self.held);
        if !self.bytes.is_empty() {
            rest.push(char::REPLACEMENT_CHARACTER);
            self.bytes.clear();
        }
        rest
    }

    fn release(&mut self, text: &str) -> String {
        if self.stopped {
            return String::new();
        }
        self.held.push_str(text);
        if let Some(at) = self.stop.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.stopped = true;
            self.held.truncate(at);
            return std::mem::take(&mut self.held);
        }
        let begins_stop = |at: &usize| self.stop.iter().any(|stop| stop.starts_with(&self.held[*at..]));
        let keep = self.held.char_indices().map(|(at, _)| at).find(begins_stop).unwrap_or(self.held.len());
        let rest = self.held.split_off(keep);
        std::mem::replace(&mut self.held, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stop: &[&str], pieces: &[&[u8]]) -> (Vec<String>, String, bool) {
        let stop: Vec<String> = stop.iter().map(|&stop| stop.into()).collect();
        let mut stream = TextStream::new(&stop);
        let texts = pieces.iter().map(|piece| stream.push(piece)).collect();
        let rest = stream.finish();
        (texts, rest, stream.stopped())
    }

    #[test]
    fn a_character_in_two_tokens_comes_whole() {
        let (texts, rest, _) = run(&[], &[b"na\xc3", b"\xafve", b"\xf0\x9f", b"\x99", b"\x82"]);
        assert_eq!((texts.join("|"), rest.as_str()), ("na|\u{ef}ve|||\u{1f642}".into(), ""));
    }

    #[test]
    fn bytes_that_are_no_text_are_marked() {
        let (texts, rest, _) = run(&[], &[b"a\xffb", b"\xe2\x82"]);
        assert_eq!((texts.concat().as_str(), rest.as_str()), ("a\u{fffd}b", "\u{fffd}"));
    }

    #[test]
    fn a_stop_text_over_several_tokens_is_never_shown() {
        let (texts, rest, stopped) = run(&["\n\nUser:"], &[b"Yes.\n", b"\nUs", b"er: more", b"!"]);
        assert_eq!((texts.join("|").as_str(), rest.as_str(), stopped), ("Yes.|||", "", true));
    }

    #[test]
    fn what_only_looked_like_a_stop_text_comes_after_all() {
        let (texts, rest, stopped) = run(&["END", ""], &[b"the E", b"N", b"emy E"]);
        assert_eq!((texts.join("|").as_str(), rest.as_str(), stopped), ("the ||ENemy ", "E", false));
    }
}
