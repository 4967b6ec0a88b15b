//! What a file says of itself: title and dates, from its Info dictionary or else its XMP packet; knows nothing of pages.

use jiff::civil::{Date, Time};
use lopdf::Object;

use super::file::PdfFile;
use super::interpret::text_string;
use crate::document::Dates;

/// Titles are cut at this many characters.
const TITLE_CHARS_MAX: usize = 300;

/// The title, unless it is what programs put there by themselves.
pub(super) fn title(file: &PdfFile) -> Option<String> {
    let info = file.info().and_then(|info| file.get(info, b"Title")).and_then(|title| title.as_str().ok());
    info.and_then(|title| own_title(&text_string(title)))
        .or_else(|| own_title(&unescaped(xmp_value(&xmp(file)?, "dc:title")?)))
}

/// When the file was made and last changed, as far as it says.
pub(super) fn dates(file: &PdfFile) -> Dates {
    let info = |key: &[u8]| {
        let value = file.get(file.info()?, key)?.as_str().ok()?;
        pdf_date(&text_string(value))
    };
    let (mut created, mut modified) = (info(b"CreationDate"), info(b"ModDate"));
    if (created.is_none() || modified.is_none())
        && let Some(xmp) = xmp(file)
    {
        let value = |name: &str| iso_date(xmp_value(&xmp, name)?);
        created = created.or_else(|| value("xmp:CreateDate"));
        modified = modified.or_else(|| value("xmp:ModifyDate"));
    }
    Dates { created, modified }
}

fn own_title(title: &str) -> Option<String> {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let title: String = title.chars().filter(|found| !found.is_control()).take(TITLE_CHARS_MAX).collect();
    let lower = title.to_lowercase();
    let letters = title.chars().filter(|found| found.is_alphabetic()).count();
    let made_up = letters * 2 < title.chars().filter(|found| !found.is_whitespace()).count()
        || ["untitled", "microsoft word", "microsoft powerpoint", "slide 1", "powerpoint presentation", "print"]
            .iter()
            .any(|start| lower.starts_with(start))
        || [
            ".doc", ".docx", ".indd", ".qxd", ".tex", ".dvi", ".pdf", ".xls", ".xlsx", ".ppt", ".pptx", ".htm", ".html",
        ]
        .iter()
        .any(|end| lower.ends_with(end));
    (letters >= 3 && !made_up).then_some(title)
}

/// The XMP packet of the whole document.
fn xmp(file: &PdfFile) -> Option<String> {
    let Object::Stream(stream) = file.get(file.catalog()?, b"Metadata")? else { return None };
    Some(String::from_utf8_lossy(&file.decode(stream).ok()?).into_owned())
}

/// The text of an element or attribute, the innermost first entry of a list of alternatives.
fn xmp_value<'a>(xmp: &'a str, name: &str) -> Option<&'a str> {
    let attribute = format!(" {name}=");
    if let Some(at) = xmp.find(&attribute) {
        let rest = &xmp[at + attribute.len()..];
        let quote = rest.chars().next().filter(|found| matches!(found, '"' | '\''))?;
        return rest[1..].split(quote).next();
    }
    let from = xmp.find(&format!("<{name}>"))? + name.len() + 2;
    let inner = &xmp[from..][..xmp[from..].find(&format!("</{name}>"))?];
    // Text stands between the last start tag and the first end tag.
    let end = inner.find("</").unwrap_or(inner.len());
    let start = inner[..end].rfind('>').map_or(0, |at| at + 1);
    Some(inner[start..end].trim())
}

fn unescaped(text: &str) -> String {
    let named = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    named.replace("&amp;", "&")
}

/// `D:YYYYMMDDHHmmSSOHH'mm'` (PDF 32000-1:2008, 7.9.4) as RFC 3339: to the second when its zone is given, else to the day.
fn pdf_date(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("D:").unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count().min(14);
    let (stamp, zone) = text.split_at(digits);
    let part = |from: usize, to: usize| stamp.get(from..to).and_then(|part| part.parse::<i8>().ok());
    if digits < 8 {
        return None;
    }
    let date = Date::new(stamp.get(..4)?.parse().ok()?, part(4, 6)?, part(6, 8)?).ok()?;
    let time = match (part(8, 10), part(10, 12)) {
        (Some(hour), Some(minute)) => Time::new(hour, minute, part(12, 14).unwrap_or(0), 0).ok(),
        _ => None,
    };
    Some(stamped(date, time, &zone.replace('\'', "")))
}

/// ISO 8601 as XMP writes it, as RFC 3339.
fn iso_date(text: &str) -> Option<String> {
    let text = text.trim();
    let date: Date = text.get(..10)?.parse().ok()?;
    let rest = text.get(10..).and_then(|rest| rest.strip_prefix(['T', ' ']));
    let at = rest.and_then(|rest| rest.find(['Z', '+', '-']));
    let (time, zone) = match (rest, at) {
        (Some(rest), Some(at)) => {
            (rest[..at].split('.').next().and_then(|time| time.parse::<Time>().ok()), &rest[at..])
        }
        _ => (None, ""),
    };
    Some(stamped(date, time, zone))
}

fn stamped(date: Date, time: Option<Time>, zone: &str) -> String {
    match (time, offset(zone)) {
        (Some(time), Some(offset)) => {
            format!("{date}T{:02}:{:02}:{:02}{offset}", time.hour(), time.minute(), time.second())
        }
        _ => date.to_string(),
    }
}

/// `Z`, `+HHMM` or `+HH:MM` as RFC 3339 writes it.
fn offset(zone: &str) -> Option<String> {
    let sign = zone.chars().next()?;
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = (digits.get(..2).unwrap_or("00"), digits.get(2..4).unwrap_or("00"));
    match sign {
        'Z' => Some("Z".to_string()),
        '+' | '-' if digits.len() >= 2 && hours < "24" && minutes < "60" => Some(format!("{sign}{hours}:{minutes}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_rfc_3339() {
        for (from, to) in [
            ("D:20230405101112+02'00'", "2023-04-05T10:11:12+02:00"),
            ("D:20230405101112Z", "2023-04-05T10:11:12Z"),
            ("20230405101112", "2023-04-05"),
            ("D:20230405", "2023-04-05"),
            ("D:202304051011-0530", "2023-04-05T10:11:00-05:30"),
        ] {
            assert_eq!(pdf_date(from).as_deref(), Some(to), "{from}");
        }
        assert_eq!(pdf_date("D:20231305"), None);
        assert_eq!(pdf_date("yesterday"), None);
        assert_eq!(iso_date("2023-04-05T10:11:12.5+02:00").as_deref(), Some("2023-04-05T10:11:12+02:00"));
        assert_eq!(iso_date("2023-04-05").as_deref(), Some("2023-04-05"));
        assert_eq!(iso_date("2023-04-31"), None);
    }

    #[test]
    fn xmp_gives_elements_attributes_and_alternatives() {
        let xmp = "<rdf:Description xmp:CreateDate='2020-01-02'><dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">A &amp; B\
            </rdf:li></rdf:Alt></dc:title></rdf:Description>";
        assert_eq!(xmp_value(xmp, "xmp:CreateDate"), Some("2020-01-02"));
        assert_eq!(xmp_value(xmp, "dc:title").map(unescaped).as_deref(), Some("A & B"));
        assert_eq!(xmp_value("<dc:title>", "dc:title"), None);
    }
}
