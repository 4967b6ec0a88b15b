//! A workflow in, one SVG out that follows the reader's light or dark setting; each step is a group with `data-step`, so that a page can
//! make it answer to clicks.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::layout::{Placed, Size, lay_out};
use super::{Outcomes, Picture, family, kind_line, label, pictures};
use crate::workflow::check::kinds::name;
use crate::workflow::event::Outcome;
use crate::workflow::graph::{Step, Workflow};

/// Height of a step's box, least width, and the room around the drawing.
const BOX_HEIGHT: f64 = 54.0;
const BOX_WIDTH_MIN: f64 = 138.0;
const MARGIN: f64 = 28.0;

/// Widths of characters, in pixels: of a step's id, and of small print.
const ID_CHAR: f64 = 8.3;
const SMALL_CHAR: f64 = 6.4;

/// The workflow as an SVG; its steps coloured by how they ended where `outcomes` are given, else by their kinds.
#[must_use]
pub fn svg(workflow: &Workflow, outcomes: Option<&Outcomes>) -> String {
    let drawings: Vec<Drawing> = pictures(workflow).iter().map(|picture| draw(picture, outcomes)).collect();
    let header = if workflow.description.is_empty() { 44.0 } else { 64.0 };
    let title_width = (workflow.name.width() as f64 * 10.5).max(workflow.description.width() as f64 * SMALL_CHAR);
    let mut width = title_width.min(900.0);
    let mut height = header;
    for drawing in &drawings {
        width = width.max(drawing.width + if drawing.name.is_empty() { 0.0 } else { 48.0 });
    }
    let mut body = String::new();
    for drawing in &drawings {
        if drawing.name.is_empty() {
            let left = MARGIN + (width - drawing.width) / 2.0;
            let _ = write!(body, "<g transform=\"translate({left:.1} {:.1})\">{}</g>", MARGIN + height, drawing.body);
            height += drawing.height;
            continue;
        }
        // A sub-graph: a frame with its name and the drawing in it.
        height += 36.0;
        let frame_height = drawing.height + 74.0;
        let top = MARGIN + height;
        let _ = write!(
            body,
            "<g class=\"wf-frame\"><rect x=\"{MARGIN:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{frame_height:.1}\" rx=\"14\"/>\
             <text class=\"wf-left\" x=\"{:.1}\" y=\"{:.1}\">graph <tspan class=\"wf-strong\">{}</tspan></text></g>",
            MARGIN + 20.0,
            top + 27.0,
            escaped(&drawing.name),
        );
        let left = MARGIN + (width - drawing.width) / 2.0;
        let _ = write!(body, "<g transform=\"translate({left:.1} {:.1})\">{}</g>", top + 48.0, drawing.body);
        height += frame_height;
    }
    let (width, height) = (width + 2.0 * MARGIN, height + 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"wf\" role=\"img\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\"><title>{}</title><style>{}</style>{MARKERS}<rect class=\"wf-ground\" width=\"100%\" height=\"100%\"/>\
         <text class=\"wf-title wf-left\" x=\"{MARGIN}\" y=\"{:.1}\">{}</text>",
        escaped(&workflow.name),
        super::style::style(),
        MARGIN + 18.0,
        escaped(&workflow.name),
    );
    if !workflow.description.is_empty() {
        let shown: String = workflow.description.chars().take(140).collect();
        let _ = write!(
            out,
            "<text class=\"wf-about wf-left\" x=\"{MARGIN}\" y=\"{:.1}\">{}</text>",
            MARGIN + 40.0,
            escaped(&shown)
        );
    }
    out.push_str(&body);
    out.push_str("</svg>\n");
    out
}

const MARKERS: &str = "<defs>\
<marker id=\"wf-head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\">\
<path class=\"wf-head\" d=\"M0.5 0.8 7.2 4 0.5 7.2Z\"/></marker>\
<marker id=\"wf-head-back\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\">\
<path class=\"wf-head-back\" d=\"M0.5 0.8 7.2 4 0.5 7.2Z\"/></marker>\
<marker id=\"wf-head-error\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\">\
<path class=\"wf-head-error\" d=\"M0.5 0.8 7.2 4 0.5 7.2Z\"/></marker></defs>";

/// A graph that is drawn.
struct Drawing {
    name: String,
    body: String,
    width: f64,
    height: f64,
}

/// An arrow to draw.
struct Arrow {
    from: usize,
    to: usize,
    class: &'static str,
}

fn draw(picture: &Picture<'_>, outcomes: Option<&Outcomes>) -> Drawing {
    let steps = picture.steps;
    // Besides the steps: what goes in and what comes out.
    let (source, sink) = (steps.len(), steps.len() + 1);
    let mut sizes: Vec<Size> = steps.iter().map(size).collect();
    let input_line = picture.input_line();
    sizes.push(Size { width: input_line.width() as f64 * SMALL_CHAR + 32.0, height: 28.0 });
    sizes.push(Size { width: 76.0, height: 28.0 });
    let mut arrows: Vec<Arrow> = Vec::new();
    for (to, step) in steps.iter().enumerate() {
        let needs: Vec<usize> =
            step.needs.iter().filter_map(|need| picture.find(need)).filter(|from| *from != to).collect();
        let is_fallback = steps.iter().any(|other| other.id != step.id && other.on_error == step.id);
        if needs.is_empty() && !is_fallback {
            arrows.push(Arrow { from: source, to, class: "wf-arrow" });
        }
        // A step that stands in hangs on the step that it stands in for; its needs are the same and would only cross.
        if !is_fallback {
            arrows.extend(needs.into_iter().map(|from| Arrow { from, to, class: "wf-arrow" }));
        }
        if let Some(fallback) = picture.fallback(step).filter(|fallback| *fallback != to) {
            arrows.push(Arrow { from: to, to: fallback, class: "wf-arrow wf-error" });
        }
    }
    if let Some(output) = picture.output() {
        arrows.push(Arrow { from: output, to: sink, class: "wf-arrow" });
    }
    let layout = lay_out(&sizes, &arrows.iter().map(|arrow| (arrow.from, arrow.to)).collect::<Vec<_>>());

    let mut body = String::new();
    for (arrow, points) in arrows.iter().zip(&layout.arrows) {
        let head = if arrow.class.ends_with("error") { "wf-head-error" } else { "wf-head" };
        let _ = write!(body, "<path class=\"{}\" marker-end=\"url(#{head})\" d=\"{}\"/>", arrow.class, curve(points));
        if head == "wf-head-error" {
            let (start, end) = (points[0], points[points.len() - 1]);
            body.push_str(&pill(
                f64::midpoint(start.0, end.0),
                f64::midpoint(start.1, end.1),
                "on error",
                "wf-label wf-label-error",
            ));
        }
    }
    let mut width = layout.width;
    let mut loops = 0.0;
    for (from, step) in steps.iter().enumerate() {
        for goto in &step.goto {
            let Some(to) = picture.find(&goto.step) else { continue };
            let right = arrow_back(
                &mut body,
                &layout.boxes[from],
                &layout.boxes[to],
                layout.width + 34.0 + 30.0 * loops,
                &label(&goto.when.0),
            );
            width = width.max(right);
            loops += 1.0;
        }
    }
    for (number, step) in steps.iter().enumerate() {
        let key = if picture.name.is_empty() { step.id.clone() } else { format!("{}/{}", picture.name, step.id) };
        let ended = outcomes.map(|outcomes| outcomes.get(&key).copied());
        let look = ended.map_or((family(step), "", ""), look_of);
        body.push_str(&node(step, &layout.boxes[number], &key, look));
    }
    // Conditions last: they lie on the arrows that end at their steps.
    for (number, step) in steps.iter().enumerate() {
        if let Some(when) = &step.when {
            let at = layout.boxes[number];
            body.push_str(&pill(at.x, at.y - 20.0, &label(&when.0), "wf-label"));
        }
    }
    for (number, text) in [(source, input_line.as_str()), (sink, "output")] {
        let at = layout.boxes[number];
        let _ = write!(
            body,
            "<g class=\"wf-end\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"14\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            at.x - at.width / 2.0,
            at.y,
            at.width,
            at.height,
            at.x,
            at.y + 18.5,
            escaped(text),
        );
    }
    Drawing { name: picture.name.to_string(), body, width, height: layout.height }
}

fn size(step: &Step) -> Size {
    let text = (step.id.width() as f64 * ID_CHAR).max(kind_line(step).width() as f64 * SMALL_CHAR);
    let condition = step.when.as_ref().map_or(0.0, |when| label(&when.0).width() as f64 * SMALL_CHAR);
    Size { width: (text + 52.0).max(condition).max(BOX_WIDTH_MIN), height: BOX_HEIGHT }
}

/// A smooth line through points that leaves and arrives upright.
fn curve(points: &[(f64, f64)]) -> String {
    let mut path = format!("M{:.1} {:.1}", points[0].0, points[0].1);
    for pair in points.windows(2) {
        let ((x, y), (to_x, to_y)) = (pair[0], pair[1]);
        let middle = f64::midpoint(y, to_y);
        let _ = write!(path, "C{x:.1} {middle:.1} {to_x:.1} {middle:.1} {to_x:.1} {to_y:.1}");
    }
    path
}

/// An arrow back, past the right side of everything; gives how far right its label reaches.
fn arrow_back(body: &mut String, from: &Placed, to: &Placed, lane: f64, label: &str) -> f64 {
    let (start_y, end_y) = (from.y + from.height * 0.4, to.y + to.height * 0.6);
    let (start_x, end_x) = (from.right(), to.right());
    let turn = 16.0_f64.min((start_y - end_y).abs() / 2.0).max(1.0);
    let up = if end_y < start_y { -1.0 } else { 1.0 };
    let _ = write!(
        body,
        "<path class=\"wf-arrow wf-back\" marker-end=\"url(#wf-head-back)\" d=\"M{start_x:.1} {start_y:.1}H{:.1}Q{lane:.1} {start_y:.1} \
         {lane:.1} {:.1}V{:.1}Q{lane:.1} {end_y:.1} {:.1} {end_y:.1}H{:.1}\"/>",
        lane - turn,
        start_y + up * turn,
        end_y - up * turn,
        lane - turn,
        end_x + 2.0,
    );
    let half = pill_width(label) / 2.0;
    body.push_str(&pill(lane + 10.0 + half, f64::midpoint(start_y, end_y), label, "wf-label wf-label-back"));
    lane + 14.0 + 2.0 * half
}

fn pill_width(text: &str) -> f64 {
    text.width() as f64 * SMALL_CHAR + 14.0
}

/// A small text on its own ground, in the middle of `x` and `y`.
fn pill(x: f64, y: f64, text: &str, class: &str) -> String {
    let width = pill_width(text);
    format!(
        "<g class=\"{class}\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"18\" rx=\"9\"/><text x=\"{x:.1}\" \
         y=\"{:.1}\">{}</text></g>",
        x - width / 2.0,
        y - 9.0,
        y + 3.8,
        escaped(text),
    )
}

/// A step's class in the style sheet, the sign on its badge, and how it ended in words.
type Look = (&'static str, &'static str, &'static str);

/// The look of a step of a run; one that was not reached has no outcome.
fn look_of(outcome: Option<Outcome>) -> Look {
    match outcome {
        None => ("waiting", "", ", not reached"),
        Some(Outcome::Done) => ("done", "✓", ", done"),
        Some(Outcome::Skipped) => ("skipped", "–", ", skipped"),
        Some(Outcome::FailedSkipped) => ("mended", "!", ", failed and skipped"),
        Some(Outcome::FellBack) => ("mended", "!", ", failed; another step stood in"),
        Some(Outcome::Failed) => ("failed", "✕", ", failed"),
        Some(Outcome::CutOff) => ("mended", "…", ", cut off"),
    }
}

/// A step's box: its shape by kind, its colour by kind or outcome.
fn node(step: &Step, at: &Placed, key: &str, (class, sign, words): Look) -> String {
    let (left, top, width, height) = (at.x - at.width / 2.0, at.y, at.width, at.height);
    let (right, bottom, middle) = (left + width, top + height, top + height / 2.0);
    let rect = |inset: f64, round: f64| {
        format!(
            "<rect class=\"wf-box\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{round}\"/>",
            left + inset,
            top + inset,
            width - 2.0 * inset,
            height - 2.0 * inset,
        )
    };
    let path = |points: &[(f64, f64)]| {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        format!("<polygon class=\"wf-box\" points=\"{}\"/>", points.join(" "))
    };
    let shape = match name(&step.kind) {
        "read" | "retrieve" => path(&[(left + 14.0, top), (right, top), (right - 14.0, bottom), (left, bottom)]),
        "classify" => path(&[
            (left + 14.0, top),
            (right - 14.0, top),
            (right, middle),
            (right - 14.0, bottom),
            (left + 14.0, bottom),
            (left, middle),
        ]),
        "approve" => path(&[
            (left + 10.0, top),
            (right - 10.0, top),
            (right, top + 10.0),
            (right, bottom - 10.0),
            (right - 10.0, bottom),
            (left + 10.0, bottom),
            (left, bottom - 10.0),
            (left, top + 10.0),
        ]),
        "each" => {
            let behind = |by: f64| {
                format!(
                    "<rect class=\"wf-box wf-behind\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"10\"/>",
                    left + by,
                    top + by,
                )
            };
            format!("{}{}{}", behind(7.0), behind(3.5), rect(0.0, 10.0))
        }
        "workflow" => format!("{}{}", rect(0.0, 10.0), rect(4.0, 7.0)),
        "format" => rect(0.0, height / 2.0),
        "verify" | "rules" => rect(0.0, 3.0),
        _ => rect(0.0, 10.0),
    };
    let badge = if sign.is_empty() {
        String::new()
    } else {
        format!(
            "<g class=\"wf-badge\"><circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"9\"/><text x=\"{:.1}\" y=\"{:.1}\">{sign}</text></g>",
            right - 12.0,
            top + 2.0,
            right - 12.0,
            top + 6.2,
        )
    };
    let again = if step.visits_max > 1 { format!(" · ≤ {}×", step.visits_max) } else { String::new() };
    format!(
        "<g class=\"wf-node wf-{class}\" data-step=\"{}\"><title>{} ({}){words}</title>{shape}<text class=\"wf-id\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\
         <text class=\"wf-kind\" x=\"{:.1}\" y=\"{:.1}\">{}{again}</text>{badge}</g>",
        escaped(key),
        escaped(&step.id),
        name(&step.kind),
        at.x,
        top + 24.0,
        escaped(&step.id),
        at.x,
        top + 41.0,
        escaped(&kind_line(step)),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
