//! A composed answer and what its embedder reads in, the same answer or one that is held back with the reason out.
//!
//! An embedder that does not read a language puts its texts anywhere: what is near a question is near by chance, and the check compares
//! words that it does not understand.

use super::AskSettings;
use super::compose::nearest;
use crate::answer::{Answer, AnswerStatus, FIGURES, Hit};
use crate::inference::manifest::Manifest;
use crate::language::{Language, name_of, of_passage, of_question};

/// Makes an answer `not_in_documents`, with a note that says why, where the embedder does not read the question, or any passage that the
/// answer rests on, or, where there is none, any of the nearest.
pub fn hold_back(answer: &mut Answer, hits: &[Hit], embedder: &Manifest, settings: &AskSettings) {
    let unread = |found: Option<Language>| found.filter(|found| embedder.reads(found.code) == Some(false));
    let question = unread(of_question(&answer.question));
    // What is looked up in a table is exact in any language.
    let is_exact = answer.claims.iter().any(|claim| claim.method == FIGURES);
    let cited = answer.claims.iter().flat_map(|claim| &claim.citations);
    let rests_on = |hit: &&Hit| {
        cited.clone().any(|place| place.path == hit.path && hit.start <= place.start && place.end <= hit.end)
    };
    let mut passages: Vec<&Hit> = hits.iter().filter(rests_on).collect();
    if passages.is_empty() {
        passages = hits.iter().take(settings.nearest_max).collect();
    }
    let languages: Option<Vec<Language>> = passages.iter().map(|hit| unread(of_passage(&hit.text))).collect();
    let passages = languages.unwrap_or_default().first().copied().filter(|_| !is_exact);
    let what = match (question, passages) {
        (None, None) => return,
        (Some(question), Some(passages)) if question == passages => {
            format!("The question and the nearest passages are in {}", question.name)
        }
        (Some(question), Some(passages)) => {
            format!("The question is in {}, the nearest passages are in {}", question.name, passages.name)
        }
        (Some(question), None) => format!("The question is in {}", question.name),
        (None, Some(passages)) => format!("The nearest passages are in {}", passages.name),
    };
    let read: Vec<&str> = embedder.languages.iter().map(|code| name_of(code)).collect();
    let read = read.join(", ");
    let way_out = match passages {
        None => format!("Ask in {read}, or"),
        Some(_) => "To be answered,".into(),
    };
    answer.note = Some(format!(
        "{what}; the embedding model {} reads {read} only. {way_out} index with a multilingual model (setting embed.model).",
        embedder.name
    ));
    answer.status = AnswerStatus::NotInDocuments;
    answer.text.clear();
    answer.claims.clear();
    answer.left_out.clear();
    // Both speak of what no longer stands.
    answer.conflicts.clear();
    answer.answers = None;
    answer.nearest = nearest(hits, settings);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::compose::compose;
    use crate::ask::draft::Drafted;
    use crate::ask::tests::hit;
    use crate::cite::verdict::{Checked, EvidenceSpan, Verdict};
    use crate::document::ByteSpan;
    use crate::inference::manifest::find;

    const GERMAN: &str = "Die Zinsmarge beträgt 2,5 Prozent über dem Referenzzinssatz und wird vierteljährlich angepasst, sobald der \
        Verschuldungsgrad die Grenze überschreitet.";
    const ENGLISH: &str =
        "The margin is 2.5 per cent. over the reference rate, and is adjusted each quarter once leverage exceeds it.";

    /// The answer that quotes `passage` whole, held back or not.
    fn answered(question: &str, passage: &str, method: &str, embedder: &str) -> Answer {
        let span = ByteSpan::new(0, passage.len());
        let hits = [hit("/a", 7, passage), hit("/b", 0, ENGLISH)];
        let drafted = Drafted { text: passage.into(), claims: vec![span], ..Drafted::default() };
        let checked = Checked {
            verdict: Verdict::Supported,
            method: method.into(),
            score: 1.0,
            evidence: vec![EvidenceSpan { index: 0, span }],
            reasons: vec![],
        };
        let settings = AskSettings::default();
        let mut answer = compose(question, &drafted, &[checked], None, &hits, &settings);
        assert_eq!(answer.status, AnswerStatus::Grounded);
        hold_back(&mut answer, &hits, &find(embedder, None).unwrap(), &settings);
        answer
    }

    #[test]
    fn a_question_that_is_not_read_is_not_answered() {
        let answer = answered("Wie hoch ist die Zinsmarge?", ENGLISH, "m/1", "all-minilm-l6-v2");
        assert_eq!(answer.status, AnswerStatus::NotInDocuments);
        assert!(answer.text.is_empty() && answer.claims.is_empty());
        assert_eq!(answer.nearest.len(), 2);
        assert_eq!(
            answer.note.unwrap(),
            "The question is in German; the embedding model all-minilm-l6-v2 reads English only. Ask in English, or index with a \
             multilingual model (setting embed.model)."
        );
        let answer = answered("贷款的利率是多少？", ENGLISH, "m/1", "all-minilm-l6-v2");
        assert!(answer.note.unwrap().starts_with("The question is in Chinese; "));
    }

    #[test]
    fn what_is_held_back_leaves_nothing_that_speaks_of_it() {
        let (old, new) = ("The notice period is three weeks.", "The notice period is two weeks.");
        let other = Hit { document: "other".into(), ..hit("/d/rules-2025.md", 0, new) };
        let hits = [hit("/d/rules-2023.md", 0, old), other];
        let span = ByteSpan::new(0, old.len());
        let drafted = Drafted { text: old.into(), claims: vec![span], ..Drafted::default() };
        let checked = Checked {
            verdict: Verdict::Supported,
            method: "m/1".into(),
            score: 1.0,
            evidence: vec![EvidenceSpan { index: 0, span }],
            reasons: vec![],
        };
        let settings = AskSettings::default();
        let mut answer = compose("贷款的利率是多少？", &drafted, &[checked], Some(0.9), &hits, &settings);
        assert_eq!((answer.conflicts.len(), answer.answers), (1, Some(0.9)));
        hold_back(&mut answer, &hits, &find("all-minilm-l6-v2", None).unwrap(), &settings);
        assert!(answer.note.is_some() && answer.conflicts.is_empty() && answer.answers.is_none(), "{answer:?}");
    }

    #[test]
    fn an_answer_from_passages_that_are_not_read_is_none() {
        let answer = answered("What is the margin?", GERMAN, "m/1", "all-minilm-l6-v2");
        assert_eq!(answer.status, AnswerStatus::NotInDocuments);
        assert!(answer.note.unwrap().starts_with("The nearest passages are in German; "));
        let answer = answered("Wie hoch ist die Zinsmarge?", GERMAN, "m/1", "all-minilm-l6-v2");
        assert!(answer.note.unwrap().starts_with("The question and the nearest passages are in German; "));
    }

    #[test]
    fn what_is_read_is_answered() {
        for (question, passage, method, embedder) in [
            ("What is the margin?", ENGLISH, "m/1", "all-minilm-l6-v2"),
            ("Wie hoch ist die Zinsmarge?", GERMAN, "m/1", "multilingual-e5-small"),
            ("What is the margin?", GERMAN, FIGURES, "all-minilm-l6-v2"),
            ("Who is Jürgen Müller?", ENGLISH, "m/1", "all-minilm-l6-v2"),
        ] {
            let answer = answered(question, passage, method, embedder);
            assert_eq!((answer.status, answer.note), (AnswerStatus::Grounded, None), "{question}");
        }
    }
}
