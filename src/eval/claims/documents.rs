//! A table of claims beside the documents that they are about to checked claims; each is held against its whole document.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};

use super::{Outcome, Work, interrupted};
use crate::check::against::Against;
use crate::check::{Source, check_claim};
use crate::error::Result;
use crate::eval::{read_data, wrong};
use crate::ingest::walk::WalkSettings;

/// The table's name.
const TABLE: &str = "claims.tsv";
/// Where the documents may lie, if not beside the table.
const DOCUMENTS: &str = "documents";

#[derive(Debug, PartialEq)]
struct Claim {
    document: String,
    supported: bool,
    label: String,
    text: String,
    kind: String,
}

/// The table of `dataset`: itself, or the one in it; none where there is none.
pub(super) fn table_of(dataset: &Path) -> Option<PathBuf> {
    let inside = dataset.join(TABLE);
    let is_table = dataset.is_file() && dataset.extension().is_some_and(|extension| extension == "tsv");
    if is_table { Some(dataset.to_path_buf()) } else { inside.is_file().then_some(inside) }
}

/// Checks every claim of the table.
pub(super) fn judge(table: &Path, work: Work<'_>) -> Result<Vec<Outcome>> {
    let claims = read(table)?;
    let folder = table.parent().unwrap_or(Path::new("."));
    let mut by_document: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, claim) in claims.iter().enumerate() {
        by_document.entry(&claim.document).or_default().push(at);
    }
    let walk = WalkSettings::default();
    let mut outcomes: Vec<(usize, Outcome)> = Vec::with_capacity(claims.len());
    for (group, (document, members)) in by_document.into_iter().enumerate() {
        let path = [folder.join(document), folder.join(DOCUMENTS).join(document)];
        let path = path.into_iter().find(|path| path.is_file());
        let path = path.ok_or_else(|| wrong(table, &format!("there is no document {document} beside it")))?;
        let reading = work.settings.reading(&walk);
        let mut against = Against::read(&[path], reading, work.embedder.clone(), work.stop)?;
        if against.is_empty() {
            let reason = against.unread.first().map_or("it holds no text", |unread| unread.reason.as_str());
            return Err(wrong(table, &format!("{document} cannot be read: {reason}")));
        }
        for at in members {
            interrupted(work.stop)?;
            let claim = &claims[at];
            let judged =
                check_claim(&claim.text, &mut Source::Files(&mut against), work.readers, &work.settings.check)?;
            let outcome = Outcome {
                place: claim.document.clone(),
                group,
                kinds: Some(claim.kind.clone()).filter(|kind| !kind.is_empty()).into_iter().collect(),
                label: claim.label.clone(),
                supported: claim.supported,
                claim: claim.text.clone(),
                checked: judged.checked,
            };
            outcomes.push((at, outcome));
            (work.progress)(outcomes.len(), claims.len());
        }
    }
    outcomes.sort_by_key(|(at, _)| *at);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

/// The claims of the table. Cells are as they stand: a quotation mark is part of the text.
fn read(table: &Path) -> Result<Vec<Claim>> {
    let text = read_data(table)?;
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = ReaderBuilder::new().delimiter(b'\t').quoting(false).flexible(true).from_reader(text.as_bytes());
    let unreadable = |error: csv::Error| wrong(table, &error.to_string());
    let header = reader.headers().map_err(unreadable)?.clone();
    let column = |name: &str| header.iter().position(|cell| cell.trim().eq_ignore_ascii_case(name));
    let needed = |name: &str| {
        column(name).ok_or_else(|| wrong(table, &format!("its first line names no column `{name}`; it has {header:?}")))
    };
    let (document, label, claim) = (needed("document")?, needed("label")?, needed("claim")?);
    let kind = column("kind");
    let mut claims = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(index as u64 + 2, csv::Position::line);
        let cell = |record: &StringRecord, at: usize| record.get(at).unwrap_or_default().trim().to_string();
        let label = cell(&record, label);
        let supported = match label.as_str() {
            "supported" => true,
            "not" => false,
            other => {
                return Err(wrong(table, &format!("line {line} has the label `{other}`, not `supported` or `not`")));
            }
        };
        let (document, text) = (cell(&record, document), cell(&record, claim));
        if document.is_empty() || text.is_empty() {
            return Err(wrong(table, &format!("line {line} lacks its document or its claim")));
        }
        let kind = kind.map(|at| cell(&record, at)).unwrap_or_default();
        claims.push(Claim { document, supported, label, text, kind });
    }
    if claims.is_empty() {
        return Err(wrong(table, "it has no claims"));
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Vec<Claim>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(TABLE);
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn cells_are_read_by_the_names_of_their_columns_and_as_they_stand() {
        let claims = table("kind\tclaim\tdocument\tlabel\r\nswap\tHe said \"no\".\ta.md\tnot\r\n").unwrap();
        let wanted = Claim {
            document: "a.md".into(),
            supported: false,
            label: "not".into(),
            text: "He said \"no\".".into(),
            kind: "swap".into(),
        };
        assert_eq!(claims, [wanted]);
        assert_eq!(table("document\tlabel\tclaim\na\tsupported\tX.\n").unwrap()[0].kind, "");
    }

    #[test]
    fn what_is_wrong_with_a_table_is_told_with_its_line() {
        for (text, says) in [
            ("document\tlabel\na\tnot\n", "no column `claim`"),
            ("document\tlabel\tclaim\na\tmaybe\tX.\n", "line 2 has the label `maybe`"),
            ("document\tlabel\tclaim\na\tnot\n", "line 2 lacks"),
            ("document\tlabel\tclaim\n", "no claims"),
        ] {
            let error = table(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
