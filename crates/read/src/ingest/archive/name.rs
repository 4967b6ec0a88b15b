//! The name that an archive gives an entry goes in, a plain relative path comes out, or that it leads outside.

/// Characters of one part of a path that are kept.
const PART_CHARS_MAX: usize = 200;
/// Parts of a path that are kept, from its end.
const PARTS_MAX: usize = 64;
/// Characters of a name that a message shows.
const SHOWN_CHARS_MAX: usize = 80;

/// What becomes of a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A relative path between slashes.
    Inside(String),
    /// A path that the walk over a folder would pass by: hidden, or what a system adds to archives for itself.
    Hidden,
    /// A path that leads out of the archive.
    Outside,
}

/// The path of `name`, without control characters and signs that turn the direction of writing. `number` names what has no name.
pub(crate) fn clean(name: &str, number: usize, with_hidden: bool) -> Name {
    if leads_outside(name) {
        return Name::Outside;
    }
    let parts: Vec<String> = parts(name).collect();
    let is_hidden = |part: &String| part.starts_with('.') || part == "__MACOSX";
    if !with_hidden && parts.iter().any(is_hidden) {
        return Name::Hidden;
    }
    if parts.is_empty() {
        return Name::Inside(format!("file-{number}"));
    }
    let shortened = parts[parts.len().saturating_sub(PARTS_MAX)..].iter().map(|part| shorten(part));
    Name::Inside(shortened.collect::<Vec<_>>().join("/"))
}

/// Whether `name` is absolute, names a drive or goes up, by the rules of any system.
fn leads_outside(name: &str) -> bool {
    let is_drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
    name.trim_start().starts_with(['/', '\\']) || is_drive || parts(name).any(|part| part == "..")
}

/// The parts of a path that say something, cleaned.
fn parts(name: &str) -> impl Iterator<Item = String> {
    let plain = |part: &str| {
        let kept = part.chars().filter(|c| {
            !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        });
        kept.collect::<String>().trim().to_owned()
    };
    name.split(['/', '\\']).map(plain).filter(|part| !part.is_empty() && part != ".")
}

/// A part of a path at a length that is bearable, with its extension.
fn shorten(part: &str) -> String {
    if part.chars().count() <= PART_CHARS_MAX {
        return part.to_owned();
    }
    let extension = part.rsplit_once('.').map(|(_, extension)| extension).filter(|extension| extension.len() <= 10);
    let stem: String = part.chars().take(PART_CHARS_MAX).collect();
    extension.map_or(stem.clone(), |extension| format!("{stem}.{extension}"))
}

/// A name as a message shows it.
pub(crate) fn shown(name: &str) -> String {
    format!("`{}`", name.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_outside_are_told() {
        for name in
            ["../a", "a/../../b", "a\\..\\b", "/etc/passwd", "\\\\server\\a", "C:\\a", "c:a", "a/.\u{0}./b", "a/.. /b"]
        {
            assert_eq!(clean(name, 1, true), Name::Outside, "{name:?}");
        }
        for name in ["a..b/c...", "ab:c", "...", "é:a"] {
            assert!(!leads_outside(name), "{name}");
        }
    }

    #[test]
    fn names_are_plain_relative_paths() {
        for (name, path) in [
            ("./a//b\\c.txt", "a/b/c.txt"),
            ("a\u{1b}[1m\n.txt", "a[1m.txt"),
            ("", "file-7"),
            ("\u{202e}fdp.exe", "fdp.exe"),
        ] {
            assert_eq!(clean(name, 7, false), Name::Inside(path.into()));
        }
        for name in [".DS_Store", "a/.git/config", "__MACOSX/a/._b.txt"] {
            assert_eq!(clean(name, 1, false), Name::Hidden);
        }
        assert_eq!(clean("a/.b", 1, true), Name::Inside("a/.b".into()));
        let Name::Inside(long) = clean(&format!("{}.pdf", "é".repeat(999)), 1, false) else { panic!("inside") };
        assert!(long.ends_with("é.pdf") && long.chars().count() == 204);
    }
}
