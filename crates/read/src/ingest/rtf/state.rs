//! Where the text of a group goes, and what its braces save and restore.

use super::charset::Charset;
use super::paragraphs::Layout;

/// Where text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The document.
    Body,
    /// Nowhere.
    Nowhere,
    /// The font table: only the numbers of fonts count.
    Fonts,
    /// The name of a style.
    Styles,
    /// The title of the document.
    Title,
    /// The mark of a list item.
    Mark,
}

/// What braces save and restore.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub(super) target: Target,
    /// How many characters stand for one `\u` to readers that do not know it.
    pub(super) replacements: usize,
    pub(super) charset: Charset,
    pub(super) hidden: bool,
    /// Whether the group is a note, which follows the paragraph that it is in.
    pub(super) note: bool,
    pub(super) layout: Layout,
}
