//! Opens PDF bytes and finds pages, dictionaries and decoded streams in them; knows nothing of what pages draw.

use std::borrow::Cow;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lopdf::xref::XrefEntry;
use lopdf::{DecompressError, Dictionary, LoadOptions, Object, ObjectId, Stream};

use super::PdfSettings;
use super::inflate::{Extent, inflate};
use super::repair::{self, find};
use crate::document::FileStatus;
use crate::error::{Error, Result};

/// An opened file whose objects are loaded and decrypted.
pub(super) struct PdfFile {
    document: lopdf::Document,
    stream_bytes_max: usize,
}

/// The content of a stream.
pub(super) struct Unpacked {
    pub(super) bytes: Vec<u8>,
    /// How much of the stream that is.
    pub(super) extent: Extent,
}

/// The pages that a file lists.
#[derive(Default)]
pub(super) struct PageList<'a> {
    /// In reading order; `None` for a page that is listed but cannot be loaded.
    pub(super) pages: Vec<Option<PageNode<'a>>>,
    /// Whether there are more than were asked for.
    pub(super) more: bool,
    /// What is wrong with the list as a whole, in words.
    pub(super) problem: Option<String>,
}

/// A page with what it inherits from the page tree.
pub(super) struct PageNode<'a> {
    pub(super) dict: &'a Dictionary,
    pub(super) resources: Option<&'a Dictionary>,
    /// `[left, bottom, right, top]` in points.
    pub(super) media_box: [f64; 4],
    /// Clockwise quarter turns, 0 to 3.
    pub(super) turns: u8,
    /// What refers to it; `None` where it stands in the tree itself.
    pub(super) id: Option<ObjectId>,
}

/// The data of an image as far as the filters of plain bytes go.
pub(super) struct ImageData<'a> {
    pub(super) bytes: Vec<u8>,
    /// The filter that packs pictures, with its parameters, when `bytes` are still packed by it.
    pub(super) codec: Option<(&'a [u8], Option<&'a Dictionary>)>,
}

/// A filter's full name and its parameters.
type Filter<'a> = (&'a [u8], Option<&'a Dictionary>);

/// Filters that pack pictures and not bytes.
const IMAGE_FILTERS: [&[u8]; 4] = [b"DCTDecode", b"JPXDecode", b"CCITTFaxDecode", b"JBIG2Decode"];

/// Nodes of one name or number tree that are looked at.
const TREE_NODES_MAX: usize = 100_000;

#[derive(Clone, Copy, Default)]
struct Inherited<'a> {
    resources: Option<&'a Dictionary>,
    media_box: Option<[f64; 4]>,
    turns: u8,
}

/// Loads all objects; `None` as the error of a panic inside the library.
fn load(bytes: &[u8], settings: &PdfSettings) -> Result<lopdf::Document, Option<lopdf::Error>> {
    let options = LoadOptions {
        max_decompressed_size: Some(settings.stream_bytes_max),
        filter: Some(without_structure),
        ..LoadOptions::default()
    };
    match load_as(bytes, options.clone()) {
        // The library mends a damaged page tree only when it may keep everything.
        Ok(document) if document.page_iter().next().is_none() => {
            load_as(bytes, LoadOptions { filter: None, ..options })
        }
        other => other,
    }
}

fn load_as(bytes: &[u8], options: LoadOptions) -> Result<lopdf::Document, Option<lopdf::Error>> {
    // The library is careful but its input is hostile: a panic of its own is one more kind of damage.
    match catch_unwind(AssertUnwindSafe(|| lopdf::Document::load_mem_with_options(bytes, options))) {
        Ok(loaded) => loaded.map_err(Some),
        Err(_) => Err(None),
    }
}

/// Puts null in the place of a structure element. Tagged files have tens of thousands of them, which take a hundred times the bytes of
/// the file, and nothing here reads them.
#[expect(clippy::unnecessary_wraps, reason = "the library's filters may leave objects out")]
fn without_structure(id: ObjectId, object: &mut Object) -> Option<(ObjectId, Object)> {
    if is_structure(object) {
        *object = Object::Null;
    }
    // What is handed back counts for objects inside of streams, what is left in place for all others, as streams always are.
    let inside = if matches!(object, Object::Stream(_)) { Object::Null } else { object.clone() };
    Some((id, inside))
}

/// Whether an object is a structure element (PDF 32000-1:2008, 14.7.2), whose type need not be told.
fn is_structure(object: &Object) -> bool {
    let Object::Dictionary(dict) = object else { return false };
    if let Ok(name) = dict.get(b"Type") {
        return name.as_name().is_ok_and(|name| name == b"StructElem");
    }
    let is_named = dict.get(b"S").is_ok_and(|name| name.as_name().is_ok());
    is_named && dict.get(b"P").is_ok_and(|parent| parent.as_reference().is_ok()) && dict.has(b"K")
}

/// Bytes before the end of a file in which its closing words are looked for. Readers accept up to 1024 bytes of junk there
/// (PDF Reference 1.7, implementation note 18); what else is appended is seldom longer.
const END_BYTES: usize = 2048;

/// What to tell about a file whose end is missing.
pub(super) const END_MISSING: &str = "the end of the file is missing; get a whole copy";

/// Whether the words that close every PDF are not there, as in a file that was not copied or downloaded to its end.
pub(super) fn is_cut(bytes: &[u8]) -> bool {
    // Disks and transfers fill what they did not get with zeros.
    let end = bytes.iter().rposition(|byte| *byte != 0 && !byte.is_ascii_whitespace()).map_or(0, |last| last + 1);
    let tail = &bytes[end.saturating_sub(END_BYTES)..end];
    find(tail, b"startxref").is_none() && find(tail, b"%%EOF").is_none()
}

/// Whether anything in the bytes looks like a trailer's word that the file is encrypted.
fn names_encryption(bytes: &[u8]) -> bool {
    const KEY: &[u8] = b"/Encrypt";
    // `/EncryptMetadata` is another key.
    bytes.windows(KEY.len() + 1).any(|window| window.starts_with(KEY) && !window[KEY.len()].is_ascii_alphanumeric())
}

impl PdfFile {
    /// Opens a file, with the empty password when it is encrypted.
    ///
    /// # Errors
    /// `Encrypted` when a password or an unknown security handler keeps the file closed, `Malformed` when no document structure is
    /// found, `LimitExceeded` when one stream of it is larger than the settings allow.
    pub(super) fn open(bytes: &[u8], settings: &PdfSettings) -> Result<Self> {
        let mut document = match load(bytes, settings) {
            Err(Some(lopdf::Error::Parse(lopdf::ParseError::InvalidFileHeader))) if find(bytes, b" obj").is_some() => {
                // Objects without the file's first line: other readers take them, so give the line back.
                load(&[&b"%PDF-1.4\n"[..], bytes].concat(), settings)
            }
            other => other,
        }
        .map_err(|error| open_error(error, bytes))?;
        if let Some(better) = repair::without_junk(&document, bytes) {
            // What was blank before it stays where it was, so that nothing else can get lost.
            document = load(&better, settings).unwrap_or(document);
        }
        // The library takes the entry away when it has decrypted the file, and leaves it for every scheme it does not know.
        if document.trailer.has(b"Encrypt") && !document.was_encrypted() {
            return Err(encrypted(None));
        }
        repair::restore_streams(&mut document, bytes);
        Ok(Self { document, stream_bytes_max: settings.stream_bytes_max })
    }

    /// The object itself, or what it refers to; `Null` for a reference that leads nowhere.
    pub(super) fn resolve<'a>(&'a self, object: &'a Object) -> &'a Object {
        self.document.dereference(object).map_or(&Object::Null, |(_, object)| object)
    }

    /// Whether the object refers to one that the file should hold but that could not be loaded.
    pub(super) fn is_lost(&self, object: &Object) -> bool {
        let Object::Reference((number, _)) = object else { return false };
        // What refers to a deleted object means nothing (PDF 32000-1:2008, 7.3.10).
        let deleted =
            matches!(self.document.reference_table.get(*number), Some(XrefEntry::Free | XrefEntry::UnusableFree));
        !deleted && self.document.dereference(object).is_err()
    }

    /// Why a file without pages cannot be read; `bytes` are those it was opened from.
    pub(super) fn without_pages(&self, bytes: &[u8]) -> Error {
        if !self.document.was_encrypted() && names_encryption(bytes) {
            return encrypted(None);
        }
        let reason = if is_cut(bytes) { END_MISSING } else { "the PDF is damaged: it has no pages" };
        Error::document(FileStatus::Malformed, reason)
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

    /// The decoded bytes of a stream as far as they go, or why there are none.
    pub(super) fn decode(&self, stream: &Stream) -> Result<Vec<u8>, String> {
        self.unpack(stream).map(|unpacked| unpacked.bytes)
    }

    /// The decoded bytes of a stream with how much of it they are, or why there are none.
    pub(super) fn unpack(&self, stream: &Stream) -> Result<Unpacked, String> {
        self.unpack_within(stream, self.filters(stream), self.stream_bytes_max)
    }

    /// The decoded bytes of a stream that may not have more than `bytes_max`, or why there are none.
    pub(super) fn decode_within(&self, stream: &Stream, bytes_max: usize) -> Result<Vec<u8>, String> {
        let limit = bytes_max.min(self.stream_bytes_max);
        self.unpack_within(stream, self.filters(stream), limit).map(|unpacked| unpacked.bytes)
    }

    /// The filter that packs an image as a picture, where one does.
    pub(super) fn image_codec<'a>(&'a self, image: &'a Stream) -> Option<&'a [u8]> {
        self.filters(image).into_iter().map(|(name, _)| name).find(|name| IMAGE_FILTERS.contains(name))
    }

    /// The data of an image, at most `bytes_max` of it, or why there is none.
    pub(super) fn image_data<'a>(&'a self, image: &'a Stream, bytes_max: usize) -> Result<ImageData<'a>, String> {
        let mut filters = self.filters(image);
        let codec = filters.iter().position(|(name, _)| IMAGE_FILTERS.contains(name));
        let codec = codec.map(|first| filters.split_off(first).swap_remove(0));
        // Samples need several times the room of the picture made from them.
        let limit = bytes_max.saturating_mul(4).min(self.stream_bytes_max);
        let unpacked = self.unpack_within(image, filters, limit)?;
        Ok(ImageData { bytes: unpacked.bytes, codec })
    }

    fn unpack_within(&self, stream: &Stream, filters: Vec<Filter<'_>>, limit: usize) -> Result<Unpacked, String> {
        catch_unwind(AssertUnwindSafe(|| self.run_filters(stream, filters, limit)))
            .map_err(|_| "the stream is damaged".to_string())?
            .map_err(|error| match error {
                lopdf::Error::Decompress(error) => error.to_string(),
                error => error.to_string(),
            })
    }

    fn run_filters(&self, stream: &Stream, filters: Vec<Filter<'_>>, limit: usize) -> Result<Unpacked, lopdf::Error> {
        if filters.len() > Stream::MAX_FILTERS {
            return Err(DecompressError::TooManyFilters { count: filters.len(), limit: Stream::MAX_FILTERS }.into());
        }
        let mut bytes = Cow::Borrowed(stream.content.as_slice());
        let mut extent = Extent::Whole;
        for (name, parameters) in filters {
            // The library does not tell when compressed data breaks off, so that filter is run here.
            let inflated = (name == b"FlateDecode").then(|| inflate(&bytes, limit));
            extent = extent.max(inflated.as_ref().map_or(Extent::Whole, |inflated| inflated.extent));
            let predictor = parameters.and_then(|parameters| self.get_number(parameters, b"Predictor"));
            bytes = match inflated {
                Some(inflated) if predictor.is_none_or(|predictor| predictor <= 1.0) => Cow::Owned(inflated.bytes),
                _ => {
                    let mut dict = Dictionary::new();
                    dict.set("Filter", Object::Name(name.to_vec()));
                    if let Some(parameters) = parameters {
                        dict.set("DecodeParms", Object::Dictionary(parameters.clone()));
                    }
                    Cow::Owned(Stream::new(dict, bytes.into_owned()).get_plain_content_with_limit(limit)?)
                }
            };
            if bytes.len() > limit {
                break;
            }
        }
        if bytes.len() > limit {
            return Err(DecompressError::MemoryLimitExceeded { limit }.into());
        }
        Ok(Unpacked { bytes: bytes.into_owned(), extent })
    }

    /// The filters of a stream by their full names with their parameters, in the order of decoding, without the filter that only
    /// marks decryption.
    fn filters<'a>(&'a self, stream: &'a Stream) -> Vec<Filter<'a>> {
        let filters: Vec<&'a Object> = match self.get(&stream.dict, b"Filter") {
            Some(Object::Array(list)) => list.iter().map(|entry| self.resolve(entry)).collect(),
            Some(filter) => vec![filter],
            None => vec![],
        };
        let parameters = self.get(&stream.dict, b"DecodeParms");
        let parameters = |index: usize| match parameters {
            Some(Object::Array(list)) => list.get(index).and_then(|entry| self.resolve(entry).as_dict().ok()),
            other => other.and_then(|parameters| parameters.as_dict().ok()),
        };
        let named = filters.into_iter().enumerate().map(|(index, filter)| {
            let name: &'a [u8] = filter.as_name().unwrap_or_default();
            (full_filter_name(name), parameters(index))
        });
        named.filter(|(name, _)| !name.is_empty() && *name != b"Crypt").collect()
    }

    /// The catalog's and Info dictionary's entries that describe the whole document.
    pub(super) fn info(&self) -> Option<&Dictionary> {
        self.get_dict(&self.document.trailer, b"Info")
    }

    /// The root of everything that is no page.
    pub(super) fn catalog(&self) -> Option<&Dictionary> {
        self.document.catalog().ok()
    }

    /// The pairs of a name tree (`Names`) or number tree (`Nums`), keys resolved, in order.
    pub(super) fn tree<'a>(&'a self, root: &'a Dictionary, leaves: &[u8]) -> Vec<(&'a Object, &'a Object)> {
        let mut out = Vec::new();
        let mut open = vec![root];
        let mut seen: HashSet<usize> = HashSet::new();
        while let Some(node) = open.pop() {
            if !seen.insert(std::ptr::from_ref(node).addr()) || seen.len() + out.len() > TREE_NODES_MAX {
                continue;
            }
            let array = |key: &[u8]| self.get(node, key).and_then(|list| list.as_array().ok());
            out.extend(
                array(leaves)
                    .into_iter()
                    .flat_map(|list| list.as_chunks::<2>().0.iter().map(|[key, value]| (self.resolve(key), value))),
            );
            let kids = array(b"Kids").into_iter().flatten().rev();
            open.extend(kids.filter_map(|kid| self.resolve(kid).as_dict().ok()));
        }
        out
    }

    /// The pages in reading order, at most `pages_max` of them.
    pub(super) fn pages(&self, pages_max: usize) -> PageList<'_> {
        let root = self.document.catalog().ok().and_then(|catalog| catalog.get(b"Pages").ok());
        let mut list = root.map(|root| self.walk_pages(root, pages_max)).unwrap_or_default();
        let found = list.pages.iter().flatten().count();
        if found == 0 {
            return self.loose_pages(pages_max);
        }
        let counted = root.and_then(|root| self.get_number(self.resolve(root).as_dict().ok()?, b"Count"));
        let Some(counted) = counted.map(|count| count as usize) else { return list };
        if counted <= found {
            // Pages that the count leaves out were deleted, not lost.
            list.pages.retain(Option::is_some);
        } else if counted > list.pages.len() && list.pages.len() > found && !list.more {
            // A part of the tree with several pages is gone, and nobody knows how many they were.
            list.problem = Some(format!(
                "the file counts {counted} pages and only {found} of them were found; later pages may have higher numbers"
            ));
        }
        list
    }

    /// The page tree is gone: every page object in the order of the file.
    fn loose_pages(&self, pages_max: usize) -> PageList<'_> {
        let mut list = PageList::default();
        for (id, object) in &self.document.objects {
            let Object::Dictionary(dict) = object else { continue };
            if self.get_name(dict, b"Type") == Some(b"Page") {
                if list.pages.len() == pages_max {
                    list.more = true;
                    break;
                }
                list.pages.push(Some(self.page(dict, Some(*id), Inherited::default())));
            }
        }
        if !list.pages.is_empty() {
            list.problem = Some("the list of pages is damaged; pages may be missing or out of order".to_string());
        }
        list
    }

    fn walk_pages<'a>(&'a self, root: &'a Object, pages_max: usize) -> PageList<'a> {
        let mut list = PageList::default();
        let mut seen: HashSet<ObjectId> = HashSet::new();
        let mut open = vec![(root, Inherited::default())];
        while let Some((object, inherited)) = open.pop() {
            let id = object.as_reference().ok();
            if id.is_some_and(|id| !seen.insert(id)) {
                continue;
            }
            let page = match self.resolve(object) {
                Object::Dictionary(dict) => {
                    let is_page = self.get_name(dict, b"Type") == Some(b"Page");
                    let kids = self.get(dict, b"Kids").and_then(|kids| kids.as_array().ok());
                    if let Some(kids) = kids.filter(|_| !is_page) {
                        let inherited = self.inherit(dict, inherited);
                        open.extend(kids.iter().rev().map(|kid| (kid, inherited)));
                        continue;
                    }
                    let is_cut_off = !is_page && dict.get(b"Kids").is_ok_and(|kids| self.is_lost(kids));
                    (!is_cut_off).then(|| self.page(dict, id, inherited))
                }
                Object::Null if !self.is_lost(object) => continue,
                _ => None,
            };
            if list.pages.len() == pages_max {
                list.more = true;
                break;
            }
            list.pages.push(page);
        }
        list
    }

    fn inherit<'a>(&'a self, dict: &'a Dictionary, from: Inherited<'a>) -> Inherited<'a> {
        let turns = self.get_number(dict, b"Rotate").map(|angle| ((angle / 90.0).round() as i64).rem_euclid(4) as u8);
        Inherited {
            resources: self.get_dict(dict, b"Resources").or(from.resources),
            media_box: self.get(dict, b"MediaBox").and_then(|object| self.rectangle(object)).or(from.media_box),
            turns: turns.unwrap_or(from.turns),
        }
    }

    fn page<'a>(&'a self, dict: &'a Dictionary, id: Option<ObjectId>, from: Inherited<'a>) -> PageNode<'a> {
        let own = self.inherit(dict, from);
        let media_box = own.media_box.unwrap_or([0.0, 0.0, 612.0, 792.0]);
        PageNode { dict, resources: own.resources, media_box, turns: own.turns, id }
    }

    fn rectangle(&self, object: &Object) -> Option<[f64; 4]> {
        let [x0, y0, x1, y1] = self.numbers(object)?.try_into().ok()?;
        let rectangle = [x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1)];
        (rectangle[2] - rectangle[0] >= 1.0 && rectangle[3] - rectangle[1] >= 1.0).then_some(rectangle)
    }
}

fn full_filter_name(name: &[u8]) -> &[u8] {
    match name {
        b"Fl" => b"FlateDecode",
        b"LZW" => b"LZWDecode",
        b"A85" => b"ASCII85Decode",
        b"AHx" => b"ASCIIHexDecode",
        b"RL" => b"RunLengthDecode",
        b"DCT" => b"DCTDecode",
        b"CCF" => b"CCITTFaxDecode",
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

fn open_error(error: Option<lopdf::Error>, bytes: &[u8]) -> Error {
    let Some(error) = error else {
        if names_encryption(bytes) {
            return encrypted(None);
        }
        return Error::document(FileStatus::Malformed, "the PDF is damaged: its objects cannot be read");
    };
    let reason = match &error {
        lopdf::Error::InvalidPassword | lopdf::Error::Decryption(_) | lopdf::Error::UnsupportedSecurityHandler(_) => {
            return encrypted(Some(error));
        }
        lopdf::Error::Decompress(lopdf::DecompressError::MemoryLimitExceeded { limit }) => {
            let reason = format!("a stream of the PDF unpacks to more than read.pdf.stream_bytes_max = {limit} bytes");
            return Error::Document { status: FileStatus::LimitExceeded, reason, source: Some(error.into()) };
        }
        lopdf::Error::Parse(lopdf::ParseError::InvalidFileHeader) => "the file does not begin like a PDF",
        _ if names_encryption(bytes) => return encrypted(Some(error)),
        _ if is_cut(bytes) => END_MISSING,
        _ => "the PDF is damaged: neither its table of objects nor the objects themselves can be found",
    };
    Error::Document { status: FileStatus::Malformed, reason: reason.into(), source: Some(error.into()) }
}

#[cfg(test)]
mod tests {
    use lopdf::dictionary;

    use super::*;
    use crate::ingest::pdf::tests::pdf;

    #[test]
    fn structure_elements_are_let_go_and_nothing_that_looks_like_one() {
        let page = Object::Reference((1, 0));
        let elements = [
            dictionary! { "Type" => "StructElem", "S" => "Table" },
            dictionary! { "S" => "P", "P" => page.clone(), "K" => 0 },
        ];
        let others = [
            dictionary! { "Type" => "Action", "S" => "URI", "P" => page.clone(), "K" => 0 },
            dictionary! { "S" => "D", "P" => Object::string_literal("A-"), "K" => 0 },
            dictionary! { "S" => "GoTo", "P" => page },
        ];
        let mut ids = Vec::new();
        let bytes = pdf(&["BT /F1 10 Tf 72 700 Td (tagged) Tj ET"], |file, _| {
            ids.extend(elements.iter().chain(&others).map(|dict| file.add_object(dict.clone())));
        });
        let mut packed = Vec::new();
        lopdf::Document::load_mem(&bytes).unwrap().save_modern(&mut packed).unwrap();
        assert!(find(&packed, b"/ObjStm").is_some(), "objects lie in streams");
        for bytes in [bytes, packed] {
            let file = PdfFile::open(&bytes, &PdfSettings::default()).unwrap();
            let found: Vec<&Object> = ids.iter().map(|id| file.resolve(&file.document.objects[id])).collect();
            assert_eq!(found[..2], [&Object::Null, &Object::Null]);
            let kept: Vec<Object> = others.iter().cloned().map(Object::Dictionary).collect();
            assert_eq!(found[2..], kept.iter().collect::<Vec<_>>());
            assert_eq!(file.pages(9).pages.len(), 1);
        }
    }
}
