//! Bookmarks → lines marked as headings of a known level; knows titles and pages, nothing of how text is laid out.

use std::collections::{HashMap, HashSet};

use lopdf::{Dictionary, Object, ObjectId};

use super::file::{PageList, PdfFile};
use super::furniture::PageLines;
use super::interpret::text_string;

/// More bookmarks than this are no outline; later ones are left out.
const ENTRIES_MAX: usize = 20_000;
/// Levels that headings have.
const LEVELS_MAX: u8 = 6;
/// A heading runs over at most this many lines.
const LINES_MAX: usize = 4;

/// One bookmark.
struct Entry {
    /// The letters and digits of its title in lower case.
    title: String,
    /// From 1, the outermost.
    level: u8,
    /// The index of the page it leads to.
    page: usize,
}

/// Marks the lines that bookmarks lead to. A bookmark whose title is not on its page marks nothing.
pub(super) fn mark(file: &PdfFile, list: &PageList<'_>, pages: &mut [PageLines]) {
    for entry in entries(file, list) {
        if let Some(page) = pages.get_mut(entry.page) {
            mark_page(page, &entry);
        }
    }
}

fn mark_page(page: &mut PageLines, entry: &Entry) {
    for lines in &mut page.regions {
        for first in 0..lines.len() {
            if lines[first].outline.is_some() {
                continue;
            }
            let mut rest = entry.title.as_str();
            for index in first..lines.len().min(first + LINES_MAX) {
                let Some(left) =
                    rest.strip_prefix(plain(&lines[index].text).as_str()).filter(|left| left.len() < rest.len())
                else {
                    break;
                };
                rest = left;
                if rest.is_empty() {
                    lines[first..=index].iter_mut().for_each(|line| line.outline = Some(entry.level));
                    return;
                }
            }
        }
    }
}

fn entries(file: &PdfFile, list: &PageList<'_>) -> Vec<Entry> {
    let root = file.catalog().and_then(|catalog| file.get_dict(catalog, b"Outlines"));
    let Some(first) = root.and_then(|root| root.get(b"First").ok()) else { return vec![] };
    let pages: HashMap<ObjectId, usize> =
        list.pages.iter().enumerate().filter_map(|(index, page)| Some((page.as_ref()?.id?, index))).collect();
    let names = NamedPlaces::new(file);
    let mut out = Vec::new();
    let mut seen: HashSet<ObjectId> = HashSet::new();
    let mut open = vec![(first, 1u8)];
    while let Some((object, level)) = open.pop() {
        if let Object::Reference(id) = object
            && !seen.insert(*id)
        {
            continue;
        }
        let Object::Dictionary(item) = file.resolve(object) else { continue };
        if seen.len() > ENTRIES_MAX || open.len() > ENTRIES_MAX {
            break;
        }
        if let Ok(next) = item.get(b"Next") {
            open.push((next, level));
        }
        if let Ok(child) = item.get(b"First") {
            open.push((child, (level + 1).min(LEVELS_MAX)));
        }
        let title = file.get(item, b"Title").and_then(|title| title.as_str().ok()).map(text_string);
        let title = title.map(|title| plain(&title)).filter(|title| title.chars().any(char::is_alphabetic));
        if let (Some(title), Some(page)) = (title, destination(file, item, &names).and_then(|id| pages.get(&id))) {
            out.push(Entry { title, level, page: *page });
        }
    }
    out
}

/// The page that a bookmark leads to.
fn destination(file: &PdfFile, item: &Dictionary, names: &NamedPlaces<'_>) -> Option<ObjectId> {
    let place = file.get(item, b"Dest").or_else(|| {
        let action = file.get_dict(item, b"A")?;
        (file.get_name(action, b"S") == Some(b"GoTo")).then(|| file.get(action, b"D")).flatten()
    })?;
    let named = match place {
        Object::Name(name) | Object::String(name, _) => names.find(name),
        other => Some(other),
    };
    let list = match named? {
        Object::Dictionary(dict) => file.get(dict, b"D")?,
        other => other,
    };
    list.as_array().ok()?.first()?.as_reference().ok()
}

/// Destinations by name, from the old dictionary and the newer tree.
struct NamedPlaces<'a>(HashMap<&'a [u8], &'a Object>);

impl<'a> NamedPlaces<'a> {
    fn new(file: &'a PdfFile) -> Self {
        let mut out = HashMap::new();
        let Some(catalog) = file.catalog() else { return Self(out) };
        let old = file.get_dict(catalog, b"Dests");
        out.extend(
            old.into_iter().flat_map(Dictionary::iter).map(|(name, place)| (name.as_slice(), file.resolve(place))),
        );
        let tree = file.get_dict(catalog, b"Names").and_then(|names| file.get_dict(names, b"Dests"));
        for (name, place) in tree.map(|tree| file.tree(tree, b"Names")).unwrap_or_default() {
            if let Object::String(name, _) = name {
                out.insert(name, file.resolve(place));
            }
        }
        Self(out)
    }

    fn find(&self, name: &[u8]) -> Option<&'a Object> {
        self.0.get(name).copied()
    }
}

/// Letters and digits alone, in lower case, as spaces and signs differ between bookmarks and pages.
fn plain(text: &str) -> String {
    text.chars().filter(|found| found.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
