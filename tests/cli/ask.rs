//! Answers and their citations.

use serde_json::Value;

use crate::support::{corpora, write};

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
    assert!(record["timings_ms"]["find"].as_f64().unwrap() > 0.0);
    assert!(record["events"].as_array().unwrap().len() > 5);
    assert!(!record["draft"].as_str().unwrap().is_empty());
    let shown = corpora().run(&["trace", "show", run]);
    assert!(shown.stdout.contains(question) && shown.stdout.contains("dense") && shown.stdout.contains("draft"));
    let listed = corpora().run(&["trace", "list", "--limit", "200"]).stdout;
    let of_run: Vec<&str> = listed.lines().filter(|line| line.starts_with(run)).collect();
    assert!(of_run.len() == 1 && of_run[0].contains("What management fee"), "{of_run:?}");
}

#[test]
fn small_talk_needs_no_documents() {
    let home = crate::support::Home::new();
    let document = write(home.folder.path(), "a.txt", b"The lease ends in June.\n");
    assert_eq!(home.run(&["index", &document.display().to_string()]).code, 0);
    let outcome = home.run(&["ask", "Hello there!"]);
    assert!(outcome.code == 1 && outcome.stdout.starts_with("Hello."), "{}", outcome.stdout);
}

#[test]
fn a_workflow_of_ones_own_answers() {
    let home = crate::support::Home::new();
    let write = |name: &str, text: &str| write(home.folder.path(), name, text.as_bytes()).display().to_string();
    let document =
        write("lease.txt", "The Tenant may end the lease on 24 June 2035 by giving twelve months' notice.\n");
    assert_eq!(home.run(&["index", &document]).code, 0);
    let shipped = home.run(&["workflow", "show", "ask"]).stdout;
    let question = "When may the Tenant end the lease?";
    let own = write("own.toml", &shipped);
    let (code, answer) = home.json(&["ask", question, "--workflow", &own]);
    let (_, same) = home.json(&["ask", question]);
    assert_eq!((code, &answer["status"], &answer["text"]), (0, &"grounded".into(), &same["text"]), "{answer}");
    // It runs out of steps before the answer.
    let short = write("short.toml", &shipped.replace("steps = 60", "steps = 2"));
    let (code, answer) = home.json(&["ask", question, "--workflow", &short]);
    assert_eq!((code, &answer["status"], &answer["claims"]), (5, &"budget_exceeded".into(), &serde_json::json!([])));
    // It gives something else than an answer.
    let head = "name = \"w\"\ninput = { question = \"string\" }\n[[step]]\nid = \"a\"\nkind = \"format\"\n";
    let other = write("other.toml", &format!("{head}template = \"{{{{ input.question }}}} Yes.\"\n"));
    let outcome = home.run(&["ask", "Is it?", "--workflow", &other]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, "Is it? Yes.\n"), "{}", outcome.stderr);
    let refused = home.run(&["ask", "Is it?", "--workflow", &other, "--top-k", "3"]);
    assert!(refused.code == 2 && refused.stderr.contains("no input `passages`"), "{}", refused.stderr);
    let blind = write("blind.toml", "name = \"w\"\n[[step]]\nid = \"a\"\nkind = \"format\"\ntemplate = \"x\"\n");
    let refused = home.run(&["ask", "Is it?", "--workflow", &blind]);
    assert!(refused.code == 2 && refused.stderr.contains("no input `question`"), "{}", refused.stderr);
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

#[test]
fn a_misspelt_question_is_answered_and_told_as_it_was_asked() {
    let question = "Does repairing plant count as an Excepitonal Item under the facility agrement?";
    let (code, answer) = corpora().json(&["ask", question]);
    assert_eq!(code, 0, "{answer}");
    assert_eq!(answer["question"], question);
    assert_eq!(answer["corrected"], "Does repairing plant count as an Exceptional Item under the facility agreement?");
    assert!(answer["text"].as_str().unwrap().contains("is not an Exceptional Item"), "{answer}");
}

#[test]
fn a_question_in_a_language_that_is_not_read_says_so() {
    let (code, answer) = corpora().json(&["ask", "Wie hoch ist die Zinsmarge des Kredits von Fennick?"]);
    assert_eq!(code, 1, "{answer}");
    assert_eq!(answer["status"], "not_in_documents");
    let note = answer["note"].as_str().unwrap();
    assert!(
        note.starts_with("The question is in German; the embedding model all-minilm-l6-v2 reads English only."),
        "{note}"
    );
    assert!(!answer["nearest"].as_array().unwrap().is_empty());
    let plain = corpora().run(&["ask", "Wie hoch ist die Zinsmarge des Kredits von Fennick?"]);
    assert!(plain.stdout.contains("The question is in German"), "{}", plain.stdout);
}
