//! The record of an ask, told to a person.

use super::super::terminal::{Look, Stream, one_line, styled};

pub(super) fn look(status: &str) -> Look {
    match status {
        "grounded" => Look::Good,
        "partial" | "not_in_documents" => Look::Warn,
        _ => Look::Bad,
    }
}

pub(super) fn told(record: &serde_json::Value) -> String {
    let strong = |text: &str| styled(Stream::Out, Look::Strong, text);
    let text = |value: &serde_json::Value| one_line(value.as_str().unwrap_or_default());
    let mut lines = vec![
        format!("{} {}", strong("run     "), text(&record["run"])),
        format!("{} {}", strong("asked   "), text(&record["started_at"])),
        format!("{} {}", strong("question"), text(&record["answer"]["question"])),
        format!("{} {}", strong("status  "), text(&record["answer"]["status"])),
        format!(
            "{} embedder {}, draft {}, check {}",
            strong("models  "),
            text(&record["answer"]["models"]["embedder"]),
            text(&record["answer"]["models"]["draft"]),
            text(&record["answer"]["models"]["verifier"])
        ),
    ];
    let timings: Vec<String> = record["timings_ms"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(stage, ms)| format!("{stage} {:.1} ms", ms.as_f64().unwrap_or_default()))
        .collect();
    lines.push(format!("{} {}", strong("time    "), timings.join(", ")));
    lines.push(strong("hits"));
    for hit in record["hits"].as_array().into_iter().flatten() {
        let part = |name: &str| hit["scores"][name].as_f64().map_or("   –".into(), |score| format!("{score:.3}"));
        lines.push(format!(
            "  {:>2}. {:.3}  dense {}  bm25 {}  maxsim {}  {}{}",
            hit["rank"],
            hit["score"].as_f64().unwrap_or_default(),
            part("dense"),
            part("bm25"),
            part("maxsim"),
            text(&hit["path"]),
            hit["page"].as_u64().map(|page| format!(", page {page}")).unwrap_or_default()
        ));
    }
    lines.push(strong("draft"));
    lines.push(format!("  {}", text(&record["draft"])));
    lines.push(strong("claims"));
    let kept = record["answer"]["claims"].as_array().into_iter().flatten();
    let left = record["answer"]["left_out"].as_array().into_iter().flatten();
    for claim in kept.chain(left) {
        lines.push(format!(
            "  {:<12} {:.2}  {}  {}",
            text(&claim["verdict"]),
            claim["score"].as_f64().unwrap_or_default(),
            text(&claim["method"]),
            text(&claim["text"])
        ));
    }
    if let Some(prompt) = record["prompt"].as_str() {
        lines.push(strong("prompt"));
        lines.extend(prompt.lines().map(|line| format!("  {}", one_line(line))));
    }
    lines.join("\n") + "\n"
}
