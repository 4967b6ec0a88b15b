//! An e-book goes in, its chapters come out in reading order as one text (EPUB 3.3); their XHTML is read as HTML.

use std::collections::{HashMap, HashSet};

use super::package::{Package, resolve, shown, without_main};
use super::xml::{Node, Xml};
use super::{Output, one_line};
use crate::document::{BlockKind, FileStatus};
use crate::error::{Error, Result};
use crate::ingest::blocks::{BlockWriter, title};
use crate::ingest::dates::rfc3339;
use crate::ingest::html::read_html;

const CONTAINER: &str = "META-INF/container.xml";
/// Elements that have no content in HTML either, so `<br/>` means the same there.
#[rustfmt::skip]
const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
];

/// The package document of a book.
#[derive(Debug, Default)]
struct Book {
    /// Parts by id: name, media type, whether it is the list of contents.
    items: HashMap<String, Item>,
    /// Ids in reading order.
    spine: Vec<String>,
    contents: Option<String>,
}

#[derive(Debug, Clone)]
struct Item {
    part: String,
    kind: String,
    is_contents: bool,
}

/// Reads the package into `output`.
///
/// # Errors
/// As [`super::read_office`].
pub(super) fn read(package: &mut Package<'_>, output: &mut Output) -> Result<()> {
    let main = main_part(package)?;
    let Some(text) = package.text(&main)? else { return Err(without_main("package document")) };
    let mut xml = Xml::new(&text, package.depth_max());
    let book = read_book(&mut xml, output, &main)?;
    output.note_end(None, &main, &xml);
    let encrypted = encrypted(package)?;
    let labels = labels(package, output, &book)?;
    let mut seen = HashSet::new();
    let chapters: Vec<&Item> = book.spine.iter().filter_map(|id| book.items.get(id)).collect();
    if chapters.is_empty() {
        return Err(without_main("chapters in reading order"));
    }
    let is_locked = |item: &&Item| encrypted.contains(&item.part.to_lowercase());
    if chapters.iter().all(is_locked) {
        let reason = "the book is protected against copying; only its reading program can open it";
        return Err(Error::document(FileStatus::Encrypted, reason));
    }
    for item in chapters {
        // A chapter that is listed twice is read once; the list of contents repeats the headings.
        if !seen.insert(item.part.to_lowercase()) || item.is_contents {
            continue;
        }
        if is_locked(&item) {
            output.warn(None, true, format!("the chapter {} is protected and was not read", shown(&item.part)));
            continue;
        }
        if item.kind.starts_with("image/") {
            continue;
        }
        match package.text(&item.part)? {
            Some(text) => chapter(output, &text, labels.get(&item.part.to_lowercase()))?,
            None => output.warn(None, true, format!("the chapter {} is not in the package", shown(&item.part))),
        }
    }
    Ok(())
}

fn main_part(package: &mut Package<'_>) -> Result<String> {
    if let Some(text) = package.text(CONTAINER)? {
        let mut xml = Xml::new(&text, package.depth_max());
        while let Some(node) = xml.next()? {
            if let Node::Open(element) = node
                && element.name() == "rootfile"
                && let Some(part) = element.attribute("full-path")
            {
                let part = resolve("", &part);
                if package.has(&part) {
                    return Ok(part);
                }
            }
        }
    }
    Err(without_main("package document, the list of its chapters"))
}

fn read_book(xml: &mut Xml<'_>, output: &mut Output, main: &str) -> Result<Book> {
    let mut book = Book::default();
    while let Some(node) = xml.next()? {
        let Node::Open(element) = node else { continue };
        match element.name() {
            "title" if output.title.is_none() => output.title = title(&one_line(&xml.text()?)),
            "date" if output.dates.created.is_none() => output.dates.created = rfc3339(&xml.text()?),
            "meta" if element.attribute("property").is_some_and(|name| name == "dcterms:modified") => {
                output.dates.modified = rfc3339(&xml.text()?);
            }
            "item" => {
                let (Some(id), Some(target)) = (element.attribute("id"), element.attribute("href")) else { continue };
                let properties = element.attribute("properties").unwrap_or_default();
                let item = Item {
                    part: resolve(main, &target),
                    kind: element.attribute("media-type").unwrap_or_default(),
                    is_contents: properties.split_whitespace().any(|property| property == "nav"),
                };
                if item.is_contents || (item.kind == "application/x-dtbncx+xml" && book.contents.is_none()) {
                    book.contents = Some(item.part.clone());
                }
                book.items.insert(id, item);
            }
            "itemref" => book.spine.extend(element.attribute("idref")),
            _ => {}
        }
    }
    Ok(book)
}

/// Parts whose content is encrypted, in lower case. Fonts are scrambled in many books that anyone can read.
fn encrypted(package: &mut Package<'_>) -> Result<HashSet<String>> {
    let Some(text) = package.text("META-INF/encryption.xml")? else { return Ok(HashSet::new()) };
    let mut xml = Xml::new(&text, package.depth_max());
    let mut parts = HashSet::new();
    while let Some(node) = xml.next()? {
        if let Node::Open(element) = node
            && element.name() == "CipherReference"
        {
            parts.extend(element.attribute("URI").map(|part| resolve("", &part).to_lowercase()));
        }
    }
    Ok(parts)
}

/// What the list of contents calls each part, by the part's name in lower case.
fn labels(package: &mut Package<'_>, output: &mut Output, book: &Book) -> Result<HashMap<String, String>> {
    let mut labels = HashMap::new();
    let Some(contents) = &book.contents else { return Ok(labels) };
    let Some(text) = package.text(contents)? else { return Ok(labels) };
    let mut xml = Xml::new(&text, package.depth_max());
    let mut label = String::new();
    while let Some(node) = xml.next()? {
        let Node::Open(element) = node else { continue };
        let (target, name) = match element.name() {
            "a" => (element.attribute("href"), one_line(&xml.text()?)),
            // In the older form the label stands before the place.
            "navLabel" => {
                label = one_line(&xml.text()?);
                continue;
            }
            "content" => (element.attribute("src"), std::mem::take(&mut label)),
            _ => continue,
        };
        if let Some(target) = target.filter(|_| !name.is_empty()) {
            labels.entry(resolve(contents, &target).to_lowercase()).or_insert(name);
        }
    }
    // Only labels depend on it, so entities in it and its end are nobody's loss.
    if xml.broken.is_some() {
        output.warn(None, false, "the list of contents is damaged; some chapters may lack their heading");
    }
    Ok(labels)
}

fn chapter(output: &mut Output, text: &str, label: Option<&String>) -> Result<()> {
    let document = read_html(&with_closed_elements(text), output.html_depth_max);
    let has_heading = document.blocks.iter().any(|block| matches!(block.kind, BlockKind::Heading { .. }));
    let mut blocks = BlockWriter::default();
    if let Some(label) = label.filter(|_| !has_heading && !document.blocks.is_empty()) {
        blocks.push(BlockKind::Heading { level: 1 }, label);
    }
    for block in &document.blocks {
        blocks.push_block(&document.text, block);
    }
    for warning in document.warnings {
        output.warn(None, warning.lossy, warning.message);
    }
    output.append(&blocks)
}

/// `text` with `<title/>` written as `<title></title>`: HTML takes the first for a start, and everything after it for the title.
fn with_closed_elements(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest[1..].bytes().take_while(u8::is_ascii_alphanumeric).count();
        // No tag holds another `<`, so every byte is looked at once.
        let end = rest[1..].find(['<', '>']).map(|end| end + 1).filter(|end| name > 0 && rest.as_bytes()[*end] == b'>');
        let Some(end) = end else {
            kept.push('<');
            rest = &rest[1..];
            continue;
        };
        let (tag, name) = (&rest[..end], &rest[1..=name]);
        if tag.ends_with('/') && !VOID.contains(&name.to_ascii_lowercase().as_str()) {
            kept.push_str(tag.trim_end_matches('/'));
            kept.push_str("></");
            kept.push_str(name);
            kept.push('>');
        } else {
            kept.push_str(&rest[..=end]);
        }
        rest = &rest[end + 1..];
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_without_content_are_closed() {
        let source = "<title/><br/><a id='x' />é < 3 <p>y</p><script src='z'/>";
        let closed = "<title></title><br/><a id='x' ></a>é < 3 <p>y</p><script src='z'></script>";
        assert_eq!(with_closed_elements(source), closed);
    }
}
