//! What reading a file gives: text with pages, blocks and warnings, all addressed by byte spans; knows nothing of files, models or stores.

mod status;

use serde::{Deserialize, Serialize};

pub use self::status::FileStatus;

/// A half-open byte range `start..end` on char boundaries of one document's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ByteSpan {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl ByteSpan {
    /// The span `start..end`.
    ///
    /// # Panics
    /// When `start > end`.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        assert!(start <= end, "a span runs forward: {start}..{end}");
        Self { start, end }
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether the span holds no byte.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether `other` lies wholly inside.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The text under the span.
    ///
    /// # Panics
    /// When the span lies outside `text` or cuts a character.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        &text[self.start..self.end]
    }

    /// The span without leading and trailing white space of the text under it.
    #[must_use]
    pub fn trimmed(self, text: &str) -> Self {
        let inner = self.of(text);
        let start = self.start + (inner.len() - inner.trim_start().len());
        let end = start + inner.trim().len();
        Self { start, end }
    }
}

/// The file format that the text was read from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Portable Document Format.
    Pdf,
    /// CommonMark with tables.
    Markdown,
    /// HTML of any age.
    Html,
    /// Plain text in any encoding.
    #[default]
    Text,
    /// Word documents of the Office Open XML kind.
    Docx,
    /// PowerPoint presentations of the Office Open XML kind.
    Pptx,
    /// Excel workbooks of the Office Open XML kind.
    Xlsx,
    /// OpenDocument texts.
    Odt,
    /// OpenDocument spreadsheets.
    Ods,
    /// OpenDocument presentations.
    Odp,
    /// E-books.
    Epub,
    /// One e-mail message.
    Eml,
    /// A mailbox: messages one after another in a file.
    Mbox,
    /// Rich Text Format.
    Rtf,
    /// One JSON value.
    Json,
    /// JSON values, one a line.
    Jsonl,
    /// XML of any vocabulary.
    Xml,
    /// reStructuredText.
    Rst,
    /// Source code.
    Code,
    /// Rows of cells between commas, tabs, semicolons or bars.
    Csv,
}

impl Format {
    /// The name used in JSON and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Text => "text",
            Self::Docx => "docx",
            Self::Pptx => "pptx",
            Self::Xlsx => "xlsx",
            Self::Odt => "odt",
            Self::Ods => "ods",
            Self::Odp => "odp",
            Self::Epub => "epub",
            Self::Eml => "eml",
            Self::Mbox => "mbox",
            Self::Rtf => "rtf",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Xml => "xml",
            Self::Rst => "rst",
            Self::Code => "code",
            Self::Csv => "csv",
        }
    }
}

/// A page of a paged format. Formats without pages have none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Counted from 1 in file order.
    pub number: u32,
    /// What the document itself calls the page, such as `iv` or `A-3`, where that is not its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether the text was recognised from the page's picture, not read from the file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_ocr: bool,
    /// Where the page's text lies; pages are ordered and do not overlap.
    pub span: ByteSpan,
}

impl Page {
    /// A page without a label, read from the file.
    #[must_use]
    pub fn new(number: u32, span: ByteSpan) -> Self {
        Self { number, label: None, is_ocr: false, span }
    }
}

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum BlockKind {
    /// A heading; `level` runs from 1 (outermost) to 6.
    Heading {
        /// 1 to 6.
        level: u8,
    },
    /// Running text.
    Paragraph,
    /// One item of a list.
    ListItem,
    /// Rows of a table, one a line.
    Table,
    /// Preformatted text or source code.
    Code,
    /// Text that a reader of the document does not see as part of it. Only there where `read.hidden = "keep"`.
    Hidden {
        /// Why it is not seen.
        cause: HiddenCause,
    },
    /// What a mail repeats of the one that it answers.
    Quoted,
    /// The lines below a mail that say who wrote it.
    Signature,
    /// What a program wrote about the document, such as the date of a mail.
    Metadata,
    /// A line at the head or foot of pages.
    Running,
}

impl BlockKind {
    /// Whether its text is not what the document says, so that no answer is picked from it.
    #[must_use]
    pub fn is_aside(self) -> bool {
        matches!(self, Self::Hidden { .. } | Self::Quoted | Self::Signature | Self::Metadata | Self::Running)
    }

    /// Whether a reader of the document does not see its text, so that it is no evidence either.
    #[must_use]
    pub fn is_hidden(self) -> bool {
        matches!(self, Self::Hidden { .. })
    }
}

/// Why a reader of a document does not see a part of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HiddenCause {
    /// It is marked as hidden: characters, rows, sheets, slides, elements.
    Hidden,
    /// A line is drawn through it.
    Struck,
    /// It is in the file but nothing of it is painted, or in the colour of its ground.
    Unpainted,
}

impl HiddenCause {
    /// The word for such text in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Struck => "struck-out",
            Self::Unpainted => "unpainted",
        }
    }
}

/// A run of text with one role. Blocks are ordered, do not overlap, and are never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Its role.
    #[serde(flatten)]
    pub kind: BlockKind,
    /// Where it lies in the document's text.
    pub span: ByteSpan,
    /// The cells of a table, by row and column; empty for other roles, and for tables whose cells are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<Cell>,
    /// The lines that name the columns of a table: the first ones of the block, or, where a table goes on from the page before, those of the
    /// block that it goes on from. None for other roles, and where no line names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<ByteSpan>,
}

impl Block {
    /// A block without cells.
    #[must_use]
    pub fn new(kind: BlockKind, span: ByteSpan) -> Self {
        Self { kind, span, cells: Vec::new(), header: None }
    }
}

/// A cell of a table: where its text lies. Empty cells are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Counted from 0 at the top.
    pub row: u32,
    /// Counted from 0 at the start of the line.
    pub column: u32,
    /// Inside the block's span.
    pub span: ByteSpan,
}

/// Something that reading could not do, or did by a guess.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The page concerned, where the format has pages.
    pub page: Option<u32>,
    /// Whether text that a reader would see may be missing because of it: the file's status is then `partial`.
    pub lossy: bool,
    /// Lower case, no full stop: what happened and what it means.
    pub message: String,
}

/// When a document says it was made and last changed: RFC 3339, to the day or to the second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dates {
    /// Made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
}

/// A file inside another, as it was before it was packed: an attachment, an entry of an archive, a message of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// A relative path between slashes, without `.`, `..` and control characters, different from its siblings' paths.
    pub name: String,
    /// All of its bytes.
    pub bytes: Vec<u8>,
}

/// The text of one file, as the rest of the program and the user see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// What it was read as.
    pub format: Format,
    /// The document's own title, from its metadata or first top heading.
    pub title: Option<String>,
    /// When the document says it was made and last changed: RFC 3339, to the day or to the second.
    #[serde(default)]
    pub dates: Dates,
    /// What the document says of itself by name, such as the values of its front matter, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
    /// The extracted text. Every span of every chunk, hit and citation is a byte range of it.
    pub text: String,
    /// Pages in order; empty for formats without pages.
    pub pages: Vec<Page>,
    /// Blocks in order.
    pub blocks: Vec<Block>,
    /// What was lost or guessed.
    pub warnings: Vec<Warning>,
}

impl Document {
    /// The number of the page that holds byte `at`, where the format has pages.
    #[must_use]
    pub fn page_at(&self, at: usize) -> Option<u32> {
        let after = self.pages.partition_point(|page| page.span.start <= at);
        after.checked_sub(1).map(|index| self.pages[index].number)
    }

    /// Checks the promises that spans make; what is broken, in words.
    ///
    /// # Errors
    /// The first page or block span that is out of order, out of range or off a char boundary.
    pub fn check(&self) -> Result<(), String> {
        let spans = |what: &str, list: &mut dyn Iterator<Item = ByteSpan>| {
            let mut last = 0;
            for (index, span) in list.enumerate() {
                if span.start < last {
                    return Err(format!("{what} {index} starts before the one ahead of it ends"));
                }
                if self.text.get(span.start..span.end).is_none() {
                    return Err(format!("{what} {index} is outside the text or cuts a character"));
                }
                last = span.end;
            }
            Ok(())
        };
        spans("page", &mut self.pages.iter().map(|page| page.span))?;
        spans("block", &mut self.blocks.iter().map(|block| block.span))?;
        for (index, block) in self.blocks.iter().enumerate() {
            if block.span.is_empty() {
                return Err(format!("block {index} is empty"));
            }
            spans(&format!("cell of block {index}"), &mut block.cells.iter().map(|cell| cell.span))?;
            if block.cells.iter().any(|cell| !block.span.contains(cell.span)) {
                return Err(format!("a cell of block {index} is outside it"));
            }
            if let Some(header) = block.header
                && (header.end > block.span.end || self.text.get(header.start..header.end).is_none())
            {
                return Err(format!("the header of block {index} is outside the text or after it"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str, pages: Vec<Page>, blocks: Vec<Block>) -> Document {
        Document { text: text.into(), pages, blocks, ..Document::default() }
    }

    #[test]
    fn trimmed_spans_keep_to_the_text() {
        let text = "  né \n";
        let span = ByteSpan::new(0, text.len()).trimmed(text);
        assert_eq!(span.of(text), "né");
        assert!(ByteSpan::new(0, 2).trimmed(text).is_empty());
    }

    #[test]
    fn page_at_names_the_page_that_started_last() {
        let pages = vec![Page::new(1, ByteSpan::new(0, 4)), Page::new(2, ByteSpan::new(5, 9))];
        let document = document("aaaa\nbbbb", pages, vec![]);
        assert_eq!(document.page_at(3), Some(1));
        assert_eq!(document.page_at(5), Some(2));
        assert_eq!(self::document("x", vec![], vec![]).page_at(0), None);
    }

    #[test]
    fn check_finds_a_span_that_cuts_a_character() {
        let block = Block::new(BlockKind::Paragraph, ByteSpan::new(0, 2));
        assert!(document("né", vec![], vec![block]).check().is_err());
    }

    #[test]
    fn kinds_of_asides_go_through_json() {
        let kinds = [
            BlockKind::Hidden { cause: HiddenCause::Struck },
            BlockKind::Quoted,
            BlockKind::Signature,
            BlockKind::Metadata,
            BlockKind::Running,
        ];
        for kind in kinds {
            let block = Block::new(kind, ByteSpan::new(0, 1));
            let json = serde_json::to_string(&block).unwrap();
            assert_eq!(serde_json::from_str::<Block>(&json).unwrap(), block, "{json}");
            assert!(kind.is_aside(), "{json}");
        }
        assert!(!BlockKind::Paragraph.is_aside() && !BlockKind::Quoted.is_hidden());
    }
}
