//! What is matched of a chunk besides its own text: where it stands. Never part of a span, a quote or an answer.

use std::path::Path;

use crate::chunk::Chunk;
use crate::document::Document;
use crate::label::file_words;
use crate::tables::TablePart;

/// The surroundings of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Put before the text for the model.
    pub text: String,
    /// What says what the figures of a table are, put after that: the names of its columns, its title, unit and kind. Empty without a table.
    pub table: String,
    /// Put before the text for lexical search: both.
    pub words: String,
}

/// The context of `chunk`: the file's name, the document's title, the headings above the chunk, and what `tables`, of which it holds rows,
/// are known by.
#[must_use]
pub fn context(path: &Path, document: &Document, chunk: &Chunk, tables: &[TablePart]) -> Context {
    let mut parts: Vec<String> = vec![file_words(path)];
    if let Some(title) = &document.title {
        parts.push(title.clone());
    }
    parts.extend(chunk.heading.iter().cloned());
    parts.dedup();
    parts.retain(|part| !part.is_empty());
    let text = parts.join(". ");
    let mut table: Vec<String> = Vec::new();
    for part in tables {
        // A title that is among the headings is there already.
        let title = part.title.clone().filter(|title| !parts.contains(title) && !chunk.text(document).contains(title));
        let columns = (!part.columns.is_empty() && !part.is_headed_in(chunk.span)).then(|| part.columns_line());
        let statement = part.statement.map(|statement| statement.words().to_owned());
        for words in [statement, columns, title, part.unit.clone()].into_iter().flatten() {
            if !table.contains(&words) {
                table.push(words);
            }
        }
    }
    let table = table.join(". ");
    let words = if table.is_empty() { text.clone() } else { format!("{text}. {table}") };
    Context { text, table, words }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::ByteSpan;
    use crate::inference::tokenizer::Tokens;
    use crate::ingest::{ReadSettings, read};
    use crate::tables::{tables, tables_in};

    #[test]
    fn a_later_part_of_a_table_has_its_columns_and_the_first_has_them_itself() {
        let rows: String = (0..40).map(|row| format!("| P-{row:03} | {row} | {} |\n", row * 3)).collect();
        let text = format!("# Products\n\nStock (in thousands)\n\n| Code | Stock | Cost price |\n|--|--|--|\n{rows}");
        let path = Path::new("/list.md");
        let document = read(path, text.as_bytes(), &ReadSettings::default()).unwrap();
        let all = tables(&document);
        let of = |part: &str, to: usize| {
            let start = document.text.find(part).unwrap();
            let span = ByteSpan::new(start, to);
            let chunk = Chunk { span, page: None, heading: vec!["Products".into()], tokens: Tokens::default() };
            context(path, &document, &chunk, &tables_in(&all, span))
        };
        let later = of("P-020", document.text.len());
        assert_eq!(later.table, "Code | Stock | Cost price. Stock (in thousands). in thousands");
        assert_eq!(later.words, format!("list. Products. {}", later.table));
        assert_eq!(of("Code | ", document.text.find("P-020").unwrap()).table, "Stock (in thousands). in thousands");
    }
}
