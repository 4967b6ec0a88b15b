//! Answers and their citations.

use serde_json::Value;

use crate::support::corpora;

/// Every quote must stand in the document, byte for byte, where the citation says.
fn assert_citations(answer: &Value) {
    let text = answer["text"].as_str().unwrap();
    for claim in answer["claims"].as_array().unwrap() {
        let span = claim["start"].as_u64().unwrap() as usize..claim["end"].as_u64().unwrap() as usize;
        assert_eq!(&text[span], claim["text"].as_str().unwrap());
        for citation in claim["citations"].as_array().unwrap() {
            let (_, shown) = corpora().json(&["show", citation["path"].as_str().unwrap()]);
            let span = citation["start"].as_u64().unwrap() as usize..citation["end"].as_u64().unwrap() as usize;
            assert_eq!(&shown["text"].as_str().unwrap()[span], citation["quote"].as_str().unwrap());
        }
    }
}

#[test]
fn an_answer_quotes_its_source_exactly() {
    let (code, answer) =
        corpora().json(&["ask", "Does repairing plant count as an Exceptional Item under the facility agreement?"]);
    assert_eq!(code, 0, "{answer}");
    assert_eq!(answer["schema"], "ibid.answer/1");
    assert_eq!(answer["status"], "grounded");
    assert!(answer["text"].as_str().unwrap().contains("is not an Exceptional Item"), "{answer}");
    let claim = &answer["claims"][0];
    assert_eq!(claim["verdict"], "supported");
    assert!(claim["score"].as_f64().unwrap() > 0.5);
    assert!(!claim["method"].as_str().unwrap().is_empty());
    assert_citations(&answer);
}

#[test]
fn what_the_documents_do_not_say_is_not_answered() {
    let (code, answer) = corpora().json(&["ask", "What is the boiling point of tungsten?"]);
    assert_eq!(code, 1, "{answer}");
    assert_eq!(answer["status"], "not_in_documents");
    assert_eq!(answer["text"], "");
    assert_eq!(answer["claims"].as_array().unwrap().len(), 0);
    let plain = corpora().run(&["ask", "What is the boiling point of tungsten?"]);
    assert_eq!(plain.code, 1);
    assert!(plain.stdout.contains("do not hold an answer"), "{}", plain.stdout);
}

#[test]
fn every_ask_leaves_a_record() {
    let question = "What management fee does the Wold Valley Pension Scheme pay?";
    let (_, answer) = corpora().json(&["ask", question]);
    let run = answer["run"].as_str().unwrap();
    let (code, list) = corpora().json(&["trace", "list", "--limit", "200"]);
    assert_eq!(code, 0);
    assert!(list["runs"].as_array().unwrap().iter().any(|one| one["run"] == run));
    let (_, record) = corpora().json(&["trace", "show", run]);
    assert_eq!(record["answer"]["question"], question);
    assert_eq!(record["answer"], answer);
    assert!(!record["hits"].as_array().unwrap().is_empty());
    assert!(record["timings_ms"]["retrieve"].as_f64().unwrap() > 0.0);
    let shown = corpora().run(&["trace", "show", run]);
    assert!(shown.stdout.contains(question) && shown.stdout.contains("dense"));
}

#[test]
fn a_local_model_drafts_and_its_draft_is_checked() {
    let question = "What did the compressor failure at Thornby Gate cost Fennick?";
    let (code, answer) =
        corpora().json(&["ask", question, "--model", "smollm2-135m-instruct", "--top-k", "2", "--keep-unsupported"]);
    assert!(code == 0 || code == 1, "{answer}");
    assert_eq!(answer["models"]["draft"], "smollm2-135m-instruct");
    assert!(answer["usage"]["output_tokens"].as_u64().unwrap() > 0);
    for claim in answer["claims"].as_array().unwrap() {
        assert!(!claim["method"].as_str().unwrap().is_empty(), "every sentence was looked at");
    }
    assert_citations(&answer);
}

#[test]
fn an_instruction_inside_a_document_is_only_text() {
    let (_, answer) = corpora().json(&["ask", "What does the Kestrelle e-mail say about the compressor visit?"]);
    assert_citations(&answer);
    assert_eq!(answer["schema"], "ibid.answer/1");
}
