//! What control words mean by themselves; keeps no state.

/// Groups whose text a reader of the document does not see.
#[rustfmt::skip]
pub(super) const SKIPPED: &[&str] = &[
    "fonttbl", "colortbl", "pict", "nonshppict", "themedata", "colorschememapping", "datastore", "latentstyles", "filetbl",
    "header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf", "fldinst", "listtable",
    "listoverridetable", "revtbl", "rsidtbl", "generator", "xmlnstbl", "sp", "shprslt", "objdata", "upr", "bkmkstart",
    "bkmkend", "xe", "tc", "ftnsep", "ftnsepc", "aftnsep", "aftnsepc", "template", "mmathPr", "docvar", "userprops", "author",
    "operator", "subject", "keywords", "comment", "doccomm", "company", "manager", "category", "hlinkbase", "creatim",
    "revtim", "printim", "buptim", "atnid", "atnauthor", "atnref", "atndate", "pgptbl", "background", "private",
];
/// Groups that may be ignored by a reader that does not know them, and hold text all the same.
pub(super) const STARRED: &[&str] =
    &["shpinst", "annotation", "ud", "fldrslt", "shppict", "result", "listtext", "pntext"];

/// The level of a heading from an outline level, which counts from 0; 9 is body text.
pub(super) fn outline(level: i32) -> Option<u8> {
    u8::try_from(level).ok().filter(|level| *level < 9).map(|level| (level + 1).min(6))
}

/// The character that a control word stands for, if any.
pub(super) fn character(word: &str) -> &'static str {
    match word {
        "tab" => "\t",
        "emdash" => "—",
        "endash" => "–",
        "bullet" => "•",
        "lquote" => "‘",
        "rquote" => "’",
        "ldblquote" => "“",
        "rdblquote" => "”",
        "emspace" | "enspace" | "qmspace" => " ",
        _ => "",
    }
}
