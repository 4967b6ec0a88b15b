//! The CMaps that every PDF reader knows by name: codes → glyph numbers of a character collection → text; knows no fonts.

use hayro_cmap::{BfString, CMapName, CidFamily, load_embedded};
use lopdf::Dictionary;

use super::cmap::TextMap;
use super::file::PdfFile;

/// Glyph numbers that the collections have, with room for more: the largest has 30,572.
const COLLECTION_CIDS: u32 = 40_000;

/// A predefined CMap (PDF 32000-1:2008, table 118).
#[derive(Debug)]
pub(super) struct Predefined(Box<hayro_cmap::CMap>);

impl Predefined {
    /// The one of this name, unless its codes are the glyph numbers.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        let name = CMapName::from_bytes(name);
        let is_identity = matches!(name, CMapName::IdentityH | CMapName::IdentityV);
        if is_identity { None } else { load(name).map(Box::new).map(Self) }
    }

    /// The glyph number of a code of `length` bytes, zero when it has none.
    pub(super) fn cid(&self, code: u32, length: usize) -> u32 {
        self.0.lookup_cid_code(code, length as u8).unwrap_or(0)
    }

    /// The first code of a string with its length in bytes.
    pub(super) fn next_code(&self, bytes: &[u8]) -> Option<(u32, usize)> {
        let mut code = 0;
        (1..=4).zip(bytes).find_map(|(length, &byte)| {
            code = code << 8 | u32::from(byte);
            self.0.lookup_cid_code(code, length as u8).map(|_| (code, length))
        })
    }
}

/// The text by glyph number of the character collection that a descendant font names, where it is one of Adobe's.
pub(super) fn collection_text(file: &PdfFile, descendant: &Dictionary) -> Option<TextMap> {
    let info = file.get_dict(descendant, b"CIDSystemInfo")?;
    let string = |key: &[u8]| file.get(info, key)?.as_str().ok();
    let collection = CidFamily::from_registry_ordering(string(b"Registry")?, string(b"Ordering")?);
    let cmap = load(collection.ucs2_cmap()?)?;
    let mut text = TextMap::default();
    for cid in 0..COLLECTION_CIDS {
        match cmap.lookup_bf_string(cid) {
            Some(BfString::Char(found)) => text.set(cid, found.encode_utf8(&mut [0; 4])),
            Some(BfString::String(found)) => text.set(cid, &found),
            None => {}
        }
    }
    Some(text)
}

fn load(name: CMapName<'_>) -> Option<hayro_cmap::CMap> {
    hayro_cmap::CMap::parse(load_embedded(name)?, load_embedded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predefined_names_give_glyph_numbers() {
        for (name, string, code, length, cid) in [
            ("90ms-RKSJ-H", &b"\x82\xa0"[..], 0x82a0, 2, 843),
            ("90ms-RKSJ-V", b"A", 0x41, 1, 264),
            ("GBK-EUC-H", b"\xd6\xd0", 0xd6d0, 2, 4559),
            ("KSCms-UHC-H", b"\xb0\xa1", 0xb0a1, 2, 1086),
            ("UniGB-UCS2-H", b"\x4e\x2d", 0x4e2d, 2, 4559),
            ("UniJIS-UTF16-H", b"\x30\x42", 0x3042, 2, 843),
        ] {
            let cmap = Predefined::named(name.as_bytes()).unwrap();
            assert_eq!((cmap.next_code(string), cmap.cid(code, length)), (Some((code, length)), cid), "{name}");
        }
        assert!(Predefined::named(b"Identity-H").is_none() && Predefined::named(b"Own").is_none());
    }
}
