//! A device's name in, what it can do at most out, by its maker's data sheet; measures nothing.

/// What a device can do at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Floating-point operations a second of dense products of 16-bit floats with f32 sums.
    pub operations_per_second: f64,
    /// Bytes a second from and to its memory.
    pub bytes_per_second: f64,
    /// Where this is written.
    pub source: &'static str,
}

/// Part of the driver's name, tera-operations and terabytes a second. The first that fits counts, so longer names come
/// first. Data sheets that only tell the figure for sparse products are halved.
const PEAKS: [(&str, f64, f64, &str); 16] = [
    ("B200", 2250.0, 8.0, "NVIDIA DGX B200 data sheet, an eighth of the system, dense"),
    ("GH200", 989.5, 4.0, "NVIDIA GH200 data sheet (96 GB HBM3)"),
    ("H200 NVL", 835.5, 4.8, "NVIDIA H200 data sheet, NVL"),
    ("H200", 989.5, 4.8, "NVIDIA H200 data sheet, SXM"),
    ("H100 NVL", 835.5, 3.9, "NVIDIA H100 data sheet, NVL"),
    ("H100 PCIe", 756.0, 2.0, "NVIDIA H100 PCIe data sheet"),
    ("H100", 989.5, 3.35, "NVIDIA H100 data sheet, SXM"),
    ("A100-SXM4-80GB", 312.0, 2.039, "NVIDIA A100 data sheet, 80 GB SXM"),
    ("A100 80GB PCIe", 312.0, 1.935, "NVIDIA A100 data sheet, 80 GB PCIe"),
    ("A100", 312.0, 1.555, "NVIDIA A100 data sheet, 40 GB"),
    ("A30", 165.0, 0.933, "NVIDIA A30 data sheet"),
    ("A10G", 70.0, 0.6, "AWS and NVIDIA, G5 instances"),
    ("A10", 125.0, 0.6, "NVIDIA A10 data sheet"),
    ("L40S", 362.0, 0.864, "NVIDIA L40S data sheet"),
    ("L4", 121.0, 0.3, "NVIDIA L4 data sheet"),
    ("RTX 4090", 165.2, 1.008, "NVIDIA Ada architecture white paper, f32 sums"),
];

/// What the device that its driver calls `name` can do; `None` where no data sheet is known here.
#[must_use]
pub fn peak(name: &str) -> Option<Peak> {
    let (_, operations, bytes, source) = PEAKS.into_iter().find(|(part, ..)| contains_name(name, part))?;
    Some(Peak { operations_per_second: operations * 1e12, bytes_per_second: bytes * 1e12, source })
}

/// Whether `part` stands in `name` as words of its own, so that an A1000 is no A100.
fn contains_name(name: &str, part: &str) -> bool {
    name.match_indices(part).any(|(at, _)| {
        let before = name[..at].chars().next_back();
        let after = name[at + part.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_drivers_find_their_own_data_sheet() {
        let tenths = |value: f64| (value / 1e11).round() / 10.0;
        let tera = |name: &str| peak(name).map(|peak| tenths(peak.operations_per_second));
        let bytes = |name: &str| peak(name).map(|peak| tenths(peak.bytes_per_second));
        assert_eq!(tera("NVIDIA H200"), Some(989.5));
        assert_eq!(tera("NVIDIA H100 80GB HBM3"), Some(989.5));
        assert_eq!(tera("NVIDIA H100 PCIe"), Some(756.0));
        assert_eq!(tera("NVIDIA GH200 480GB"), Some(989.5));
        assert_eq!((bytes("NVIDIA A100-SXM4-80GB"), bytes("NVIDIA A100-SXM4-40GB")), (Some(2.0), Some(1.6)));
        assert_eq!(tera("NVIDIA L40"), None, "an L40 is neither an L40S nor an L4");
        assert_eq!(tera("NVIDIA RTX A1000"), None);
        assert_eq!(tera("NVIDIA A10G"), Some(70.0));
    }
}
