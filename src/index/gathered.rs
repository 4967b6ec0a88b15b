//! The pieces of one file come in as they are done, the file's own row comes out; knows nothing of stores.
//!
//! A file stands for itself and for what is inside it: attachments, entries of archives. All of them are documents, but the file has
//! one status.

use crate::database::{FileEntry, FileRow};
use crate::document::FileStatus;

/// Files inside a file that a reason names; the others are counted.
const NAMED_MAX: usize = 3;

/// What became of the file itself.
#[derive(Debug)]
pub(super) enum Own {
    /// It is a document.
    Document(Box<FileEntry>),
    /// It has no text of its own, only files inside it.
    Folder { sha256: String },
    /// It could not be read.
    Failed { sha256: String, status: FileStatus, reason: String },
}

/// The pieces of one file so far.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) own: Option<Own>,
    /// Documents of it whose chunks are still being embedded.
    pub(super) open: usize,
    /// Whether all pieces are known.
    pub(super) has_ended: bool,
    /// Paths of the files inside it.
    members: Vec<String>,
    /// How many of them are in the index.
    stored: usize,
    /// Those that are not, or not wholly.
    troubles: Vec<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    name: String,
    status: FileStatus,
    reason: String,
}

impl Gathered {
    /// Whether nothing is missing any more.
    pub(super) fn is_whole(&self) -> bool {
        self.has_ended && self.open == 0
    }

    /// A file inside is in the index already.
    pub(super) fn same(&mut self, key: String) {
        self.members.push(key);
        self.stored += 1;
    }

    /// A file inside was read.
    pub(super) fn stored(&mut self, row: &FileRow, name: &str) {
        self.same(row.path.clone());
        if row.status != FileStatus::Indexed {
            self.troubles.push(Trouble { name: name.into(), status: row.status, reason: row.reason.clone() });
        }
    }

    /// A file inside was not read.
    pub(super) fn lost(&mut self, key: String, name: String, status: FileStatus, reason: String) {
        self.members.push(key);
        self.troubles.push(Trouble { name, status, reason });
    }

    /// The file's entry; `row` says where it is and nothing else.
    pub(super) fn into_entry(self, row: FileRow) -> FileEntry {
        let members = self.members.clone();
        match self.own {
            Some(Own::Failed { sha256, status, reason }) => {
                // What was read before it failed is in the index.
                let (status, reason) = match self.stored {
                    0 => (status, reason),
                    stored => (FileStatus::Partial, format!("{reason}; {stored} files inside it were read before")),
                };
                let row = FileRow { sha256, status, reason, ..row };
                FileEntry { row, members, ..FileEntry::default() }
            }
            Some(Own::Document(ref entry)) => {
                let mut entry = (**entry).clone();
                if entry.row.status == FileStatus::Indexed && !self.troubles.is_empty() {
                    entry.row.status = FileStatus::Partial;
                    entry.row.reason = self.troubles_in_words();
                }
                FileEntry { members, ..entry }
            }
            Some(Own::Folder { ref sha256 }) => {
                let (status, reason) = self.of_folder();
                let row = FileRow { sha256: sha256.clone(), status, reason, ..row };
                FileEntry { row, members, ..FileEntry::default() }
            }
            None => {
                let row =
                    FileRow { status: FileStatus::Malformed, reason: "the reader said nothing of it".into(), ..row };
                FileEntry { row, members, ..FileEntry::default() }
            }
        }
    }

    /// What a file without text of its own ends as: what the files inside it do.
    fn of_folder(&self) -> (FileStatus, String) {
        if self.members.is_empty() {
            return (FileStatus::NoText, "there is no file inside it".into());
        }
        if self.troubles.is_empty() {
            return (FileStatus::Indexed, String::new());
        }
        if self.stored > 0 {
            return (FileStatus::Partial, self.troubles_in_words());
        }
        // The gravest first.
        let order = [
            FileStatus::Denied,
            FileStatus::LimitExceeded,
            FileStatus::Encrypted,
            FileStatus::Malformed,
            FileStatus::Unsupported,
        ];
        let gravest = order.into_iter().find(|status| self.troubles.iter().any(|trouble| trouble.status == *status));
        (gravest.unwrap_or(FileStatus::NoText), self.troubles_in_words())
    }

    fn troubles_in_words(&self) -> String {
        let named = self.troubles.iter().take(NAMED_MAX).map(|trouble| format!("{}: {}", trouble.name, trouble.reason));
        let named: Vec<String> = named.collect();
        let (count, all) = (self.troubles.len(), self.members.len());
        let more = if count > NAMED_MAX { "; …" } else { "" };
        format!("{count} of {all} files inside it not or not wholly read: {}{more}", named.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, status: FileStatus) -> FileRow {
        FileRow { path: path.into(), status, reason: "why".into(), ..FileRow::default() }
    }

    fn folder(gathered: Gathered) -> FileRow {
        let own = Some(Own::Folder { sha256: "ab".into() });
        Gathered { own, ..gathered }.into_entry(row("/a.zip", FileStatus::Indexed)).row
    }

    #[test]
    fn a_folder_ends_as_the_files_inside_it_do() {
        let empty = folder(Gathered::default());
        assert_eq!((empty.status, empty.reason.as_str()), (FileStatus::NoText, "there is no file inside it"));

        let mut whole = Gathered::default();
        whole.same("/a.zip/x".into());
        assert_eq!(folder(whole).status, FileStatus::Indexed);

        let mut mixed = Gathered::default();
        mixed.stored(&row("/a.zip/x", FileStatus::Indexed), "x");
        mixed.lost("/a.zip/y".into(), "y".into(), FileStatus::Encrypted, "a password protects it".into());
        let mixed = folder(mixed);
        assert_eq!(mixed.status, FileStatus::Partial);
        assert_eq!(mixed.reason, "1 of 2 files inside it not or not wholly read: y: a password protects it");

        let mut lost = Gathered::default();
        lost.lost("/a.zip/x".into(), "x".into(), FileStatus::NoText, "empty".into());
        lost.lost("/a.zip/y".into(), "y".into(), FileStatus::LimitExceeded, "too long".into());
        assert_eq!(folder(lost).status, FileStatus::LimitExceeded);
    }

    #[test]
    fn a_document_with_an_attachment_that_is_lost_is_read_in_part() {
        let mut gathered = Gathered::default();
        gathered.lost("/m.eml/x".into(), "x".into(), FileStatus::Unsupported, "programs are not read".into());
        let own = FileEntry { row: row("/m.eml", FileStatus::Indexed), ..FileEntry::default() };
        gathered.own = Some(Own::Document(Box::new(own)));
        let entry = gathered.into_entry(row("/m.eml", FileStatus::Indexed));
        assert_eq!((entry.row.status, entry.members.len()), (FileStatus::Partial, 1));
    }
}
