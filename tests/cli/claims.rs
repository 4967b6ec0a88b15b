//! How well claims are checked, measured on data of several layouts.

use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::support::{Home, documents, write};

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_string()
}

const TABLE: &str = "document\tlabel\tclaim\tkind\n\
    memo.txt\tsupported\tThe board approved a dividend of 12 pence per share.\tverbatim\n\
    memo.txt\tnot\tThe board approved a dividend of 21 pence per share.\tnumber\n\
    rates.md\tnot\tDolphins are mammals of the open ocean.\telsewhere\n";

#[test]
fn the_check_is_measured_on_claims_about_documents() {
    let (home, folder) = (Home::new(), documents());
    write(folder.path(), "claims.tsv", TABLE.as_bytes());
    let dataset = folder.path().to_str().unwrap();
    let (code, report) = home.json(&["eval", "claims", dataset, "--show-mistakes"]);
    assert_eq!((code, report["schema"].as_str()), (0, Some("ibid.eval/1")), "{report}");
    let metric = |name: &str| report["metrics"][name].as_f64().unwrap_or(f64::NAN);
    for (name, wanted) in [
        ("n", 3.0),
        ("auroc", 1.0),
        ("true_passed", 1.0),
        ("false_passed", 0.0),
        ("verbatim.true_passed", 1.0),
        ("number.false_passed", 0.0),
        ("elsewhere.n", 1.0),
    ] {
        assert!((metric(name) - wanted).abs() < 1e-9, "{name}: {report}");
    }
    assert!(metric("calibration") < 0.5 && report["intervals"]["false_passed"].is_array(), "{report}");
    assert_eq!(report["items"], serde_json::json!([]));
    // A label that says otherwise makes mistakes of both kinds.
    write(
        folder.path(),
        "claims.tsv",
        TABLE
            .replace("\tnot\t", "\t?\t")
            .replace("\tsupported\t", "\tnot\t")
            .replace("\t?\t", "\tsupported\t")
            .as_bytes(),
    );
    let shown = home.run(&["eval", "claims", dataset, "--show-mistakes"]);
    assert!(shown.stdout.contains("memo.txt · not, judged supported"), "{}", shown.stdout);
    assert!(shown.stdout.contains("The board approved a dividend of 21 pence per share."), "{}", shown.stdout);
    assert!(shown.stdout.contains("false passed"), "{}", shown.stdout);
    write(folder.path(), "claims.tsv", TABLE.replace("rates.md", "gone.md").as_bytes());
    let told = home.run(&["eval", "claims", dataset]);
    assert!(told.code == 2 && told.stderr.contains("gone.md"), "{}", told.stderr);
}

fn pair(premise: &str, claim: &str, label: &str, kind: &str) -> String {
    serde_json::json!({ "premise": premise, "claim": claim, "label": label, "split": "test", "kind": kind }).to_string()
        + "\n"
}

#[test]
fn the_check_is_measured_on_pairs_of_premise_and_claim() {
    let (home, folder) = (Home::new(), tempfile::tempdir().unwrap());
    let (said, other) = ("The fee is waived for members.", "Trains run every hour.");
    let pairs = [
        pair(said, said, "entailment", "same"),
        pair(said, "The fee is 20 pence.", "neutral", "other"),
        pair(other, "Trains run every hour.", "entailment", "same"),
        pair(other, "Trains do not run every hour.", "contradiction", "other"),
    ];
    write(folder.path(), "one.jsonl", pairs.concat().as_bytes());
    let packed = Path::new("packed.jsonl.gz");
    let file = std::fs::File::create(folder.path().join(packed)).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    encoder.write_all(pairs[..2].concat().as_bytes()).unwrap();
    encoder.finish().unwrap();
    let one = path(folder.path(), "one.jsonl");
    let (code, report) = home.json(&["eval", "claims", &one]);
    assert_eq!(code, 0, "{report}");
    let metric = |report: &Value, name: &str| report["metrics"][name].as_f64().unwrap_or(f64::NAN);
    assert!(
        (metric(&report, "n") - 4.0).abs() < 1e-9 && (metric(&report, "true_passed") - 1.0).abs() < 1e-9,
        "{report}"
    );
    assert!((metric(&report, "other.false_passed")).abs() < 1e-9, "{report}");
    let (_, report) = home.json(&["eval", "claims", folder.path().to_str().unwrap()]);
    assert!((metric(&report, "n") - 6.0).abs() < 1e-9 && (metric(&report, "packed.n") - 2.0).abs() < 1e-9, "{report}");
    assert!((metric(&report, "one/same.n") - 2.0).abs() < 1e-9, "{report}");
    let (_, report) = home.json(&["eval", "claims", &one, "--sample", "2"]);
    assert!((metric(&report, "n") - 2.0).abs() < 1e-9, "{report}");
    for (arguments, says) in [
        (vec!["eval", "claims", &one, "--split", "none"], "no pair of that split"),
        (vec!["eval", "claims", "src"], "claims.tsv"),
        (vec!["eval", "claims", &one, "--sample", "0"], "--sample 0"),
    ] {
        let told = home.run(&arguments);
        assert!(told.code == 2 && told.stderr.contains(says), "{arguments:?}: {}", told.stderr);
    }
    write(folder.path(), "one.jsonl", b"{\"premise\":\"a\",\"claim\":\"b\",\"label\":\"maybe\"}\n");
    let told = home.run(&["eval", "claims", &one]);
    assert!(told.code == 2 && told.stderr.contains("line 1") && told.stderr.contains("maybe"), "{}", told.stderr);
}
