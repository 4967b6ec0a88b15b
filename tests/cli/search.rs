//! Finding passages, and where they stand.

use crate::support::{corpora, project};

#[test]
fn hits_are_byte_exact_in_what_show_prints() {
    let (code, found) = corpora().json(&["search", "highest leverage that Fennick's facility agreement allows"]);
    assert_eq!(code, 0);
    assert_eq!(found["schema"], "ibid.hits/1");
    let hits = found["hits"].as_array().unwrap();
    assert!(!hits.is_empty());
    assert!(hits.iter().any(|hit| hit["path"].as_str().unwrap().ends_with("facility-agreement.pdf")));
    for (index, hit) in hits.iter().enumerate() {
        assert_eq!(hit["rank"], index + 1);
        let score = hit["score"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&score), "{score}");
        let (_, shown) = corpora().json(&["show", hit["path"].as_str().unwrap()]);
        let text = shown["text"].as_str().unwrap();
        let (start, end) = (hit["start"].as_u64().unwrap() as usize, hit["end"].as_u64().unwrap() as usize);
        assert_eq!(&text[start..end], hit["text"].as_str().unwrap());
        assert_eq!(shown["document"], hit["document"]);
        if let Some(page) = hit["page"].as_u64() {
            let pages = shown["pages"].as_array().unwrap();
            let page = pages.iter().find(|one| one["number"] == page).unwrap();
            assert!(page["start"].as_u64().unwrap() as usize <= start && end <= page["end"].as_u64().unwrap() as usize);
        }
    }
    let scores: Vec<f64> = hits.iter().map(|hit| hit["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b));
}

#[test]
fn the_number_of_hits_is_what_was_asked_for() {
    let (_, found) = corpora().json(&["search", "management fee", "--top-k", "3"]);
    assert_eq!(found["hits"].as_array().unwrap().len(), 3);
}

#[test]
fn judged_questions_find_their_documents() {
    let questions = std::fs::read_to_string(project().join("corpora/questions.jsonl")).unwrap();
    let judged: Vec<serde_json::Value> = questions.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(judged.len(), 60);
    let (code, report) = corpora().json(&["eval", "answers", "corpora/questions.jsonl"]);
    assert_eq!(code, 0);
    let metric = |name: &str| report["metrics"][name].as_f64().unwrap();
    assert!(metric("quote_found") >= 0.9, "{report}");
    assert!(metric("quote_said") >= 0.5, "{report}");
    assert!(metric("refused") >= 0.4, "{report}");
}

#[test]
fn a_query_may_come_from_standard_input() {
    use std::io::Write;
    let mut child = corpora()
        .command()
        .args(["search", "-", "--json"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all("management fee of the side letter\n".as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!found["hits"].as_array().unwrap().is_empty());
}

#[test]
fn misspelt_words_do_not_change_what_is_found() {
    let right = "How many pallet positions does Dunmorrow Foods use at Thornby Gate?";
    let wrong = "How many palet positions does Dunmorow Foods use at Thornby Gate?";
    let first = |query: &str| {
        let (code, found) = corpora().json(&["search", query]);
        assert_eq!(code, 0, "{found}");
        (found["hits"][0]["chunk"].clone(), found["query"].clone(), found.get("corrected").cloned())
    };
    let (chunk, _, corrected) = first(right);
    assert_eq!(corrected, None);
    assert_eq!(first(wrong), (chunk, wrong.into(), Some(right.into())));
    let (_, _, corrected) = first("What is the revenue of Hooli?");
    assert_eq!(corrected, None, "a name that no document has stays");
    let plain = corpora().run(&["search", wrong]);
    assert!(
        plain.stderr.contains("Searched for “pallet” instead of “palet”, “Dunmorrow” instead of “Dunmorow”"),
        "{}",
        plain.stderr
    );
}
