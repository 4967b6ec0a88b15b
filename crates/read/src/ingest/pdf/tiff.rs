//! A JPEG file and how it is turned → a TIFF file that says both; knows the two formats as far as that takes.

use super::matrix::Matrix;

/// Length of the JPEG segment that tells size and components, up to the number of components.
const FRAME_BYTES: usize = 8;

/// How the first row and column of a stored picture lie when it is shown: the values of the tag `Orientation` (TIFF 6.0, section 8).
pub(super) fn orientation(place: Matrix) -> u16 {
    // The unit square has y up, the page has y down: columns run along (a, b), rows along (-c, -d).
    let [a, b, c, d, ..] = place.0;
    if a.abs() + d.abs() >= b.abs() + c.abs() {
        match (a >= 0.0, d <= 0.0) {
            (true, true) => 1,
            (false, true) => 2,
            (false, false) => 3,
            (true, false) => 4,
        }
    } else {
        match (c <= 0.0, b >= 0.0) {
            (true, true) => 5,
            (false, true) => 6,
            (false, false) => 7,
            (true, false) => 8,
        }
    }
}

/// Wraps a JPEG file (TIFF Technical Note 2); `None` where it is none that a TIFF file can hold.
pub(super) fn wrap_jpeg(jpeg: &[u8], orientation: u16) -> Option<Vec<u8>> {
    let frame = frame(jpeg)?;
    let (height, width) = (u16::from_be_bytes([frame[3], frame[4]]), u16::from_be_bytes([frame[5], frame[6]]));
    let components = frame[7];
    let color = match components {
        1 => 1,
        3 => 6,
        4 => 5,
        _ => return None,
    };
    let entries: [(u16, u16, u32); 10] = [
        (256, 1, width.into()),
        (257, 1, height.into()),
        (258, components.into(), 8),
        (259, 1, 7),
        (262, 1, color),
        (273, 1, 0),
        (274, 1, orientation.into()),
        (277, 1, components.into()),
        (278, 1, height.into()),
        (279, 1, jpeg.len() as u32),
    ];
    let bits_at = 8 + 2 + entries.len() as u32 * 12 + 4;
    let data_at = bits_at + 8;
    let mut out = Vec::with_capacity(data_at as usize + jpeg.len());
    out.extend(b"II*\0\x08\0\0\0");
    out.extend((entries.len() as u16).to_le_bytes());
    for (tag, count, value) in entries {
        let is_long = matches!(tag, 273 | 279);
        out.extend(tag.to_le_bytes());
        out.extend(if is_long { 4u16 } else { 3 }.to_le_bytes());
        out.extend(u32::from(count).to_le_bytes());
        // Several short numbers stand elsewhere when they are more than two.
        out.extend(
            if count > 2 {
                bits_at
            } else if tag == 273 {
                data_at
            } else {
                value
            }
            .to_le_bytes(),
        );
    }
    out.extend([0; 4]);
    out.extend([8, 0, 8, 0, 8, 0, 8, 0]);
    out.extend(jpeg);
    Some(out)
}

/// The segment of a JPEG file with its size, from the length of the segment on.
fn frame(jpeg: &[u8]) -> Option<&[u8]> {
    let mut rest = jpeg.strip_prefix(b"\xff\xd8")?;
    loop {
        match rest {
            [0xff, 0xff, ..] => rest = &rest[1..],
            [0xff, 0xc0..=0xc2, segment @ ..] => return (segment.len() >= FRAME_BYTES).then_some(segment),
            // Only frames like those go into a TIFF file; the picture begins without one.
            [0xff, 0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf | 0xda, ..] => return None,
            [0xff, _, high, low, ..] => rest = rest.get(2 + usize::from(u16::from_be_bytes([*high, *low]))..)?,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_tell_how_the_first_row_lies() {
        let orientation = |a, b, c, d| super::orientation(Matrix([a, b, c, d, 0.0, 0.0]));
        // In a page's picture y runs down, so that an upright image has d below zero.
        assert_eq!(orientation(1.0, 0.0, 0.0, -1.0), 1);
        assert_eq!(orientation(-1.0, 0.0, 0.0, 1.0), 3);
        // A quarter turn clockwise: the first row is at the right and begins at the top.
        assert_eq!(orientation(0.01, 1.0, 1.0, 0.02), 6);
        assert_eq!(orientation(0.0, -1.0, -1.0, 0.0), 8);
    }

    #[test]
    fn what_is_no_jpeg_is_not_wrapped() {
        let head = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x0b\x08\0\x02\0\x03\x01";
        let tiff = wrap_jpeg(head, 6).unwrap();
        assert!(tiff.starts_with(b"II*\0") && tiff.ends_with(head));
        for damaged in [&head[..17], b"\xff\xd8\xff\xda", b"\xff\xd8\xff\xe0\xff\xff", b"GIF", b""] {
            assert_eq!(wrap_jpeg(damaged, 6), None, "{damaged:?}");
        }
    }
}
