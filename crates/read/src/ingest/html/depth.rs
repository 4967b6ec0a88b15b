//! HTML source goes in, the same source nested no deeper than a limit comes out; the parser's work grows with the square of the depth.

use std::borrow::Cow;

/// Elements without content, and those that end by themselves when the next of their kind starts.
#[rustfmt::skip]
const UNCOUNTED: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "param",
    "html", "head", "body", "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup", "caption",
    "option", "optgroup", "rt", "rp",
];
/// Elements whose content is text to the parser whatever it looks like.
const RAW: &[&str] = &["script", "style", "textarea", "title", "xmp", "noscript", "iframe", "noembed", "noframes"];

/// `source` without the tags that would nest deeper than `depth_max`; their content stays.
///
/// The count is by tags alone, so unclosed elements count as open. The source comes back borrowed when no tag had to go.
pub(super) fn limited(source: &str, depth_max: usize) -> Cow<'_, str> {
    let mut kept = String::new();
    let mut copied = 0;
    let (mut depth, mut above, mut foreign) = (0_usize, 0_usize, 0_usize);
    let mut at = 0;
    while let Some(found) = source[at..].find('<') {
        let start = at + found;
        let rest = &source[start..];
        if rest.starts_with("<!--") {
            at = rest.find("-->").map_or(source.len(), |end| start + end + 3);
            continue;
        }
        let closing = rest.as_bytes().get(1) == Some(&b'/');
        let name = name(&rest[if closing { 2 } else { 1 }..]);
        if name.is_empty() {
            at = start + 1;
            continue;
        }
        let end = rest.find('>').map_or(source.len(), |end| start + end + 1);
        at = end;
        let name = name.as_str();
        if !closing && RAW.contains(&name) {
            at = end_of_raw(source, end, name);
            continue;
        }
        if UNCOUNTED.contains(&name) {
            continue;
        }
        let gone = if closing {
            foreign = foreign.saturating_sub(usize::from(matches!(name, "svg" | "math")));
            let gone = above > 0;
            if gone {
                above -= 1;
            } else {
                depth = depth.saturating_sub(1);
            }
            gone
        } else if foreign > 0 && source[..end].ends_with("/>") {
            false
        } else {
            foreign += usize::from(matches!(name, "svg" | "math"));
            let gone = depth >= depth_max;
            if gone {
                above += 1;
            } else {
                depth += 1;
            }
            gone
        };
        if gone {
            kept.push_str(&source[copied..start]);
            kept.push(' ');
            copied = end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(source);
    }
    kept.push_str(&source[copied..]);
    Cow::Owned(kept)
}

/// The lower-case tag name at the start of `rest`; empty when there is none.
fn name(rest: &str) -> String {
    if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return String::new();
    }
    let end = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '/').unwrap_or(rest.len());
    rest[..end].to_ascii_lowercase()
}

/// Where the closing tag of the raw element `name`, opened before `from`, starts.
fn end_of_raw(source: &str, from: usize, name: &str) -> usize {
    let mut at = from;
    while let Some(found) = source[at..].find("</") {
        at += found;
        let same =
            source.as_bytes()[at + 2..].get(..name.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(name.as_bytes()));
        if same {
            return at;
        }
        at += 2;
    }
    source.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shallow_source_is_left_alone() {
        let source =
            "<div><p>a<p>b<br><!-- <b><b><b> --><script>'<i><i><i>'</script><svg><path/><path/><path/></svg></div>";
        assert!(matches!(limited(source, 2), Cow::Borrowed(_)));
    }

    #[test]
    fn deeper_tags_go_and_their_text_stays() {
        assert_eq!(limited("<a><b><i>x</i>y</b></a><u>z</u>", 2), "<a><b> x y</b></a><u>z</u>");
    }
}
