//! The colours of a drawing, light and dark, as the style sheet that stands in it.
//!
//! Every rule names its colours outright: programs that turn an SVG into a picture often know no variables of style sheets.

use std::fmt::Write as _;

/// A family of steps or an outcome with its colours: ground, edge and small print, light and then dark.
const STEPS: [(&str, [&str; 3], [&str; 3]); 12] = [
    ("find", SKY, SKY_DARK),
    ("model", VIOLET, VIOLET_DARK),
    ("check", GREEN, GREEN_DARK),
    ("compute", AMBER, AMBER_DARK),
    ("person", ROSE, ROSE_DARK),
    ("graph", INDIGO, INDIGO_DARK),
    ("form", SLATE, SLATE_DARK),
    ("done", GREEN, GREEN_DARK),
    ("mended", AMBER, AMBER_DARK),
    ("failed", ROSE, ROSE_DARK),
    ("skipped", SLATE, SLATE_DARK),
    ("waiting", SLATE, SLATE_DARK),
];

const SKY: [&str; 3] = ["#e0f2fe", "#0284c7", "#0369a1"];
const SKY_DARK: [&str; 3] = ["#0c2a3f", "#38bdf8", "#7dd3fc"];
const VIOLET: [&str; 3] = ["#ede9fe", "#7c3aed", "#6d28d9"];
const VIOLET_DARK: [&str; 3] = ["#241a44", "#a78bfa", "#c4b5fd"];
const GREEN: [&str; 3] = ["#dcfce7", "#16a34a", "#15803d"];
const GREEN_DARK: [&str; 3] = ["#0d2b1b", "#4ade80", "#86efac"];
const AMBER: [&str; 3] = ["#fef3c7", "#d97706", "#b45309"];
const AMBER_DARK: [&str; 3] = ["#33230a", "#fbbf24", "#fcd34d"];
const ROSE: [&str; 3] = ["#ffe4e6", "#e11d48", "#be123c"];
const ROSE_DARK: [&str; 3] = ["#3a1020", "#fb7185", "#fda4af"];
const INDIGO: [&str; 3] = ["#e0e7ff", "#4f46e5", "#4338ca"];
const INDIGO_DARK: [&str; 3] = ["#1a1d4b", "#818cf8", "#a5b4fc"];
const SLATE: [&str; 3] = ["#f1f5f9", "#64748b", "#475569"];
const SLATE_DARK: [&str; 3] = ["#1e293b", "#94a3b8", "#cbd5e1"];

/// The rest of the drawing.
struct Ground {
    paper: &'static str,
    ink: &'static str,
    soft: &'static str,
    line: &'static str,
    label: &'static str,
    label_line: &'static str,
    frame: &'static str,
    back: &'static str,
    error: &'static str,
    sign: &'static str,
}

const LIGHT: Ground = Ground {
    paper: "#ffffff",
    ink: "#0f172a",
    soft: "#64748b",
    line: "#94a3b8",
    label: "#f8fafc",
    label_line: "#cbd5e1",
    frame: "#f8fafc",
    back: VIOLET[1],
    error: ROSE[1],
    sign: "#ffffff",
};

const DARK: Ground = Ground {
    paper: "#0b1120",
    ink: "#f1f5f9",
    soft: "#94a3b8",
    line: "#64748b",
    label: "#1e293b",
    label_line: "#334155",
    frame: "#0f172a",
    back: VIOLET_DARK[1],
    error: ROSE_DARK[1],
    sign: "#0b1120",
};

/// What does not change with the light.
const FIXED: &str = "\
.wf{font-family:ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}\
.wf text{text-anchor:middle}.wf .wf-left{text-anchor:start}\
.wf-title{font-size:19px;font-weight:700}.wf-about{font-size:12.5px}\
.wf-id{font-size:14px;font-weight:600}.wf-kind{font-size:11px}\
.wf-box{stroke-width:1.5}.wf-behind{opacity:.55}\
.wf-skipped .wf-box,.wf-waiting .wf-box{stroke-dasharray:4 3}.wf-skipped,.wf-waiting{opacity:.7}\
.wf-badge circle{stroke-width:2}.wf-badge text{font-size:11px;font-weight:700}\
.wf-arrow{fill:none;stroke-width:1.6}.wf-back{stroke-dasharray:6 4}.wf-error{stroke-dasharray:3 4}\
.wf-label rect{stroke-width:1}\
.wf-label text{font-size:10.5px;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}\
.wf-end rect{fill:none;stroke-width:1.3}.wf-end text{font-size:11.5px}\
.wf-frame rect{stroke-width:1.3;stroke-dasharray:6 5}.wf-frame text{font-size:12.5px}.wf-strong{font-weight:700}";

/// The whole style sheet.
pub(super) fn style() -> String {
    let light = coloured(&LIGHT, |row| row.1);
    let dark = coloured(&DARK, |row| row.2);
    format!("{FIXED}{light}@media (prefers-color-scheme:dark){{{dark}}}")
}

fn coloured(
    ground: &Ground,
    of: impl Fn(&(&'static str, [&'static str; 3], [&'static str; 3])) -> [&'static str; 3],
) -> String {
    let Ground { paper, ink, soft, line, label, label_line, frame, back, error, sign } = ground;
    let mut out = format!(
        ".wf-ground{{fill:{paper}}}.wf-title,.wf-id,.wf-strong{{fill:{ink}}}.wf-about,.wf-label text,.wf-end text,.wf-frame text{{fill:{soft}}}\
         .wf-arrow,.wf-end rect{{stroke:{line}}}.wf-head{{fill:{line}}}.wf-label rect{{fill:{label};stroke:{label_line}}}\
         .wf-frame rect{{fill:{frame};stroke:{label_line}}}.wf-frame .wf-strong{{fill:{ink}}}\
         .wf-back{{stroke:{back}}}.wf-head-back,.wf-label-back text{{fill:{back}}}\
         .wf-error{{stroke:{error}}}.wf-head-error,.wf-label-error text{{fill:{error}}}\
         .wf-badge circle{{stroke:{paper}}}.wf-badge text{{fill:{sign}}}"
    );
    for row in &STEPS {
        let (name, [fill, edge, word]) = (row.0, of(row));
        let _ = write!(
            out,
            ".wf-{name} .wf-box{{fill:{fill};stroke:{edge}}}.wf-{name} .wf-kind{{fill:{word}}}.wf-{name} circle{{fill:{edge}}}"
        );
    }
    out
}
