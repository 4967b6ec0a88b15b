//! Opens PDF bytes and finds pages, dictionaries and decoded streams in them; knows nothing of what pages draw.

use std::borrow::Cow;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lopdf::{Dictionary, LoadOptions, Object, ObjectId, Stream};

use super::PdfSettings;
use crate::document::FileStatus;
use crate::error::{Error, Result};

/// An opened file whose objects are loaded and decrypted.
pub(super) struct PdfFile {
    document: lopdf::Document,
    stream_bytes_max: usize,
}

/// A page with what it inherits from the page tree.
pub(super) struct PageNode<'a> {
    pub(super) dict: &'a Dictionary,
    pub(super) resources: Option<&'a Dictionary>,
    /// `[left, bottom, right, top]` in points.
    pub(super) media_box: [f64; 4],
    /// Clockwise quarter turns, 0 to 3.
    pub(super) turns: u8,
}

#[derive(Clone, Copy, Default)]
struct Inherited<'a> {
    resources: Option<&'a Dictionary>,
    media_box: Option<[f64; 4]>,
    turns: u8,
}

impl PdfFile {
    /// Opens a file, with the empty password when it is encrypted.
    ///
    /// # Errors
    /// `Encrypted` when a password or an unknown security handler keeps the file closed, `Malformed` when no document structure is
    /// found, `LimitExceeded` when one stream of it is larger than the settings allow.
    pub(super) fn open(bytes: &[u8], settings: &PdfSettings) -> Result<Self> {
        let options = LoadOptions { max_decompressed_size: Some(settings.stream_bytes_max), ..LoadOptions::default() };
        // The library is careful but its input is hostile: a panic of its own is one more kind of damage.
        let loaded = catch_unwind(AssertUnwindSafe(|| lopdf::Document::load_mem_with_options(bytes, options)));
        let document = match loaded {
            Ok(Ok(document)) => document,
            Ok(Err(error)) => return Err(open_error(error)),
            Err(_) => {
                return Err(Error::document(FileStatus::Malformed, "the PDF is damaged: its objects cannot be read"));
            }
        };
        if document.is_encrypted() {
            return Err(encrypted(None));
        }
        Ok(Self { document, stream_bytes_max: settings.stream_bytes_max })
    }

    /// The object itself, or what it refers to; `Null` for a reference that leads nowhere.
    pub(super) fn resolve<'a>(&'a self, object: &'a Object) -> &'a Object {
        self.document.dereference(object).map_or(&Object::Null, |(_, object)| object)
    }

    /// The resolved entry of a dictionary.
    pub(super) fn get<'a>(&'a self, dict: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
        dict.get(key).ok().map(|object| self.resolve(object)).filter(|object| !object.is_null())
    }

    /// The entry of a dictionary that is itself a dictionary, or a stream's dictionary.
    pub(super) fn get_dict<'a>(&'a self, dict: &'a Dictionary, key: &[u8]) -> Option<&'a Dictionary> {
        match self.get(dict, key)? {
            Object::Dictionary(dict) => Some(dict),
            Object::Stream(stream) => Some(&stream.dict),
            _ => None,
        }
    }

    /// A finite number under `key`.
    pub(super) fn get_number(&self, dict: &Dictionary, key: &[u8]) -> Option<f64> {
        self.get(dict, key).and_then(number)
    }

    /// The name under `key`.
    pub(super) fn get_name<'a>(&'a self, dict: &'a Dictionary, key: &[u8]) -> Option<&'a [u8]> {
        self.get(dict, key)?.as_name().ok()
    }

    /// The finite numbers of an array, each resolved; entries of other types count as zero.
    pub(super) fn numbers(&self, object: &Object) -> Option<Vec<f64>> {
        let array = object.as_array().ok()?;
        Some(array.iter().map(|entry| number(self.resolve(entry)).unwrap_or(0.0)).collect())
    }

    /// The decoded bytes of a stream, or why there are none.
    pub(super) fn decode(&self, stream: &Stream) -> Result<Vec<u8>, String> {
        let stream = self.with_direct_filters(stream);
        catch_unwind(AssertUnwindSafe(|| stream.get_plain_content_with_limit(self.stream_bytes_max)))
            .map_err(|_| "the stream is damaged".to_string())?
            .map_err(|error| match error {
                lopdf::Error::Decompress(error) => error.to_string(),
                error => error.to_string(),
            })
    }

    /// The catalog's and Info dictionary's entries that describe the whole document.
    pub(super) fn info(&self) -> Option<&Dictionary> {
        self.get_dict(&self.document.trailer, b"Info")
    }

    /// The pages in reading order, at most `pages_max` of them, and whether there are more.
    pub(super) fn pages(&self, pages_max: usize) -> (Vec<PageNode<'_>>, bool) {
        let mut pages = Vec::new();
        let root = self.document.catalog().ok().and_then(|catalog| catalog.get(b"Pages").ok());
        let more = root.is_some_and(|root| self.walk_pages(root, pages_max, &mut pages));
        if !pages.is_empty() {
            return (pages, more);
        }
        // The page tree is gone: take every page object in the order of the file.
        for object in self.document.objects.values() {
            let Object::Dictionary(dict) = object else { continue };
            if self.get_name(dict, b"Type") == Some(b"Page") {
                if pages.len() == pages_max {
                    return (pages, true);
                }
                pages.push(self.page(dict, Inherited::default()));
            }
        }
        (pages, false)
    }

    fn walk_pages<'a>(&'a self, root: &'a Object, pages_max: usize, pages: &mut Vec<PageNode<'a>>) -> bool {
        let mut seen: HashSet<ObjectId> = HashSet::new();
        let mut open = vec![(root, Inherited::default())];
        while let Some((object, inherited)) = open.pop() {
            if let Object::Reference(id) = object
                && !seen.insert(*id)
            {
                continue;
            }
            let Object::Dictionary(dict) = self.resolve(object) else { continue };
            let kids = self.get(dict, b"Kids").and_then(|kids| kids.as_array().ok());
            match kids {
                Some(kids) if self.get_name(dict, b"Type") != Some(b"Page") => {
                    let inherited = self.inherit(dict, inherited);
                    open.extend(kids.iter().rev().map(|kid| (kid, inherited)));
                }
                _ if pages.len() == pages_max => return true,
                _ => pages.push(self.page(dict, inherited)),
            }
        }
        false
    }

    fn inherit<'a>(&'a self, dict: &'a Dictionary, from: Inherited<'a>) -> Inherited<'a> {
        let turns = self.get_number(dict, b"Rotate").map(|angle| ((angle / 90.0).round() as i64).rem_euclid(4) as u8);
        Inherited {
            resources: self.get_dict(dict, b"Resources").or(from.resources),
            media_box: self.get(dict, b"MediaBox").and_then(|object| self.rectangle(object)).or(from.media_box),
            turns: turns.unwrap_or(from.turns),
        }
    }

    fn page<'a>(&'a self, dict: &'a Dictionary, from: Inherited<'a>) -> PageNode<'a> {
        let own = self.inherit(dict, from);
        let media_box = own.media_box.unwrap_or([0.0, 0.0, 612.0, 792.0]);
        PageNode { dict, resources: own.resources, media_box, turns: own.turns }
    }

    fn rectangle(&self, object: &Object) -> Option<[f64; 4]> {
        let [x0, y0, x1, y1] = self.numbers(object)?.try_into().ok()?;
        let rectangle = [x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1)];
        (rectangle[2] - rectangle[0] >= 1.0 && rectangle[3] - rectangle[1] >= 1.0).then_some(rectangle)
    }

    /// The stream with its filters named directly and without the filter that only marks decryption.
    fn with_direct_filters<'a>(&self, stream: &'a Stream) -> Cow<'a, Stream> {
        let names = |object: &Object| match object {
            Object::Array(list) => list.iter().map(|entry| self.resolve(entry).clone()).collect(),
            other => vec![other.clone()],
        };
        let indirect = |object: &Object| match object {
            Object::Reference(_) => true,
            Object::Array(list) => list.iter().any(|entry| matches!(entry, Object::Reference(_)) || abbreviated(entry)),
            other => abbreviated(other),
        };
        let keys = [(&b"Filter"[..], &b"F"[..]), (&b"DecodeParms"[..], &b"DP"[..])];
        if !keys.iter().any(|(key, _)| stream.dict.get(key).is_ok_and(indirect)) {
            return Cow::Borrowed(stream);
        }
        let mut dict = stream.dict.clone();
        let filters = self.get(&stream.dict, b"Filter").map(names).unwrap_or_default();
        let parameters = self.get(&stream.dict, b"DecodeParms").map(names).unwrap_or_default();
        let mut kept = (vec![], vec![]);
        for (index, filter) in filters.iter().enumerate() {
            let name = filter.as_name().unwrap_or_default();
            if name != b"Crypt" {
                kept.0.push(Object::Name(full_filter_name(name).to_vec()));
                kept.1.push(parameters.get(index).cloned().unwrap_or(Object::Null));
            }
        }
        dict.set("Filter", Object::Array(kept.0));
        dict.set("DecodeParms", Object::Array(kept.1));
        Cow::Owned(Stream { dict, content: stream.content.clone(), ..Stream::new(Dictionary::new(), vec![]) })
    }
}

fn abbreviated(object: &Object) -> bool {
    object.as_name().is_ok_and(|name| full_filter_name(name) != name || name == b"Crypt")
}

fn full_filter_name(name: &[u8]) -> &[u8] {
    match name {
        b"Fl" => b"FlateDecode",
        b"LZW" => b"LZWDecode",
        b"A85" => b"ASCII85Decode",
        b"AHx" => b"ASCIIHexDecode",
        b"RL" => b"RunLengthDecode",
        other => other,
    }
}

/// The object's value when it is a finite number.
pub(super) fn number(object: &Object) -> Option<f64> {
    match object {
        Object::Integer(value) => Some(*value as f64),
        Object::Real(value) => value.is_finite().then_some(f64::from(*value)),
        _ => None,
    }
}

fn encrypted(source: Option<lopdf::Error>) -> Error {
    Error::Document {
        status: FileStatus::Encrypted,
        reason: "the PDF needs a password; save a copy without one and index that".into(),
        source: source.map(Into::into),
    }
}

fn open_error(error: lopdf::Error) -> Error {
    let reason = match &error {
        lopdf::Error::InvalidPassword | lopdf::Error::Decryption(_) | lopdf::Error::UnsupportedSecurityHandler(_) => {
            return encrypted(Some(error));
        }
        lopdf::Error::Decompress(lopdf::DecompressError::MemoryLimitExceeded { limit }) => {
            let reason = format!("a stream of the PDF unpacks to more than pdf.stream_bytes_max = {limit} bytes");
            return Error::Document { status: FileStatus::LimitExceeded, reason, source: Some(error.into()) };
        }
        lopdf::Error::Parse(lopdf::ParseError::InvalidFileHeader) => "the file does not begin like a PDF",
        _ => "the PDF is damaged: neither its table of objects nor the objects themselves can be found",
    };
    Error::Document { status: FileStatus::Malformed, reason: reason.into(), source: Some(error.into()) }
}
