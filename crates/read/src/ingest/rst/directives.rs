//! Explicit markup (directives, footnotes, link targets, comments) goes in, the blocks that a reader sees of it come out.

use super::lines::{dedented, directive, field};
use super::{Lead, Reader, tables};
use crate::document::{BlockKind, Warning};

#[rustfmt::skip]
const CODE: &[&str] = &[
    "code", "code-block", "sourcecode", "parsed-literal", "productionlist", "math", "literal", "doctest", "testcode", "testoutput",
    "prompt", "graphviz", "mermaid", "uml",
];
/// Directives that say something about their content: the name and the words before it.
const LED: &[(&str, &str)] = &[
    ("note", "Note"),
    ("warning", "Warning"),
    ("tip", "Tip"),
    ("hint", "Hint"),
    ("important", "Important"),
    ("caution", "Caution"),
    ("danger", "Danger"),
    ("error", "Error"),
    ("attention", "Attention"),
    ("todo", "To do"),
    ("seealso", "See also"),
];
/// Directives about a version, whose first argument is its number.
const VERSIONS: &[(&str, &str)] = &[
    ("versionadded", "Added in version"),
    ("versionchanged", "Changed in version"),
    ("versionremoved", "Removed in version"),
    ("deprecated", "Deprecated since version"),
];
#[rustfmt::skip]
const DROPPED: &[&str] = &[
    "toctree", "contents", "index", "raw", "meta", "highlight", "default-role", "role", "module", "currentmodule", "py:module",
    "py:currentmodule", "sectnum", "section-numbering", "tabularcolumns", "title", "target-notes", "header", "footer",
    "autosectionlabel", "date", "restructuredtext-test-directive", "unicode", "replace",
];
/// Directives that put another file in their place.
const INCLUDES: &[&str] = &["include", "literalinclude"];
/// Directives whose argument is a class or a condition.
const PLAIN: &[&str] =
    &["only", "container", "compound", "class", "epigraph", "highlights", "pull-quote", "tab", "hlist", "centered"];

impl Reader {
    /// Reads a block that starts with two dots.
    pub(super) fn explicit(&mut self, lines: &[&str]) {
        let first = lines[0].get(3..).unwrap_or_default().trim();
        let rest = dedented(&lines[1..]);
        if let Some((label, text)) = first.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            let mut body = vec![text.trim()];
            body.extend(&rest);
            return self.led(&format!("[{}] ", label.trim_start_matches('#')), &body);
        }
        // Targets of links and the meaning of names between bars say nothing by themselves.
        if first.starts_with('_') || first.starts_with('|') {
            return;
        }
        if let Some((name, argument)) = directive(first) {
            self.directive(&name.to_ascii_lowercase(), argument, &rest);
        }
    }

    fn directive(&mut self, name: &str, argument: &str, lines: &[&str]) {
        let options: Vec<(&str, &str)> = lines.iter().map_while(|line| field(line)).collect();
        let content = &lines[options.len()..];
        let option = |wanted: &str| options.iter().find(|(name, _)| *name == wanted).map_or("", |(_, value)| *value);
        let lead =
            |table: &[(&str, &'static str)]| table.iter().find(|(known, _)| *known == name).map(|(_, words)| *words);
        if CODE.contains(&name) {
            self.push_words(option("caption"));
            let mut code = if name == "math" && !argument.is_empty() { vec![argument] } else { vec![] };
            let blank = content.iter().take_while(|line| line.is_empty()).count();
            code.extend(&content[blank..]);
            self.code(&code);
        } else if let Some(words) = lead(LED) {
            // The text may start on the first line, and its next lines may look like options.
            let mut body = vec![argument];
            body.extend(if argument.is_empty() { content } else { lines });
            self.led(&format!("{words}: "), &body);
        } else if let Some(words) = lead(VERSIONS) {
            let (version, text) = argument.split_once(' ').unwrap_or((argument, ""));
            let mut body = vec![text];
            body.extend(content);
            self.led(&format!("{words} {version}: "), &body);
        } else if matches!(name, "admonition" | "topic" | "sidebar" | "list-table" | "csv-table" | "table" | "rubric") {
            self.push_words(argument);
            match name {
                "list-table" => self.rows(tables::list(&dedented(content))),
                "csv-table" => self.rows(tables::csv(&format!("{}\n{}", option("header"), content.join("\n")))),
                _ => self.body(content),
            }
        } else if matches!(name, "image" | "figure") {
            self.push_words(option("alt"));
            self.body(content);
        } else if INCLUDES.contains(&name) {
            let message = "the document includes other files, which are not read in their place";
            if !self.warnings.iter().any(|warning| warning.message == message) {
                self.warnings.push(Warning { page: None, lossy: false, message: message.to_owned() });
            }
        } else if PLAIN.contains(&name) {
            self.body(content);
        } else if !DROPPED.contains(&name) {
            // A directive that describes something, such as a function: its argument is what is described.
            self.push_words(argument);
            self.body(content);
        }
    }

    fn push_words(&mut self, text: &str) {
        let text = self.plain(text);
        self.push(&text);
    }

    /// Reads `lines` with words before their first paragraph.
    fn led(&mut self, text: &str, lines: &[&str]) {
        let before = self.lead.take().map_or(String::new(), |lead| lead.text);
        self.lead = Some(Lead { kind: BlockKind::Paragraph, text: format!("{before}{text}") });
        self.body(lines);
        if let Some(lead) = self.lead.take() {
            self.writer.push(BlockKind::Paragraph, lead.text.trim_end().trim_end_matches(':'));
        }
    }
}
