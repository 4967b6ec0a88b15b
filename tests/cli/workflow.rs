//! `ibid workflow` as a user meets it.

use std::process::Command;
use std::sync::LazyLock;

use crate::support::{Home, project};

const GOOD: &str = r#"name = "good"
description = "Two steps."
input = { question = "string" }
[[step]]
id = "find"
kind = "retrieve"
query = "{{ input.question }}"
[[step]]
id = "answer"
kind = "format"
needs = ["find"]
value = "find.hits"
"#;

/// The binary; none of these commands writes into its home, so all tests share one.
fn ibid() -> Command {
    static HOME: LazyLock<Home> = LazyLock::new(Home::new);
    HOME.command()
}

fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_string_lossy().into_owned();
    (folder, path)
}

#[test]
fn check_says_where_and_what_to_do() {
    let (_folder, path) = file(&GOOD.replace("find.hits", "find.hist").replace("retrieve", "retreive"));
    let found = ibid().args(["workflow", "check", &path]).output().unwrap();
    assert_eq!(found.status.code(), Some(2));
    let out = String::from_utf8(found.stdout).unwrap();
    assert!(
        out.contains(&format!(
            "{path}:6:8: error: there is no kind `retreive`\n6 | kind = \"retreive\"\n  |        ^\n"
        )),
        "{out}"
    );
    assert!(out.contains("help: did you mean `retrieve`?"), "{out}");
    assert!(String::from_utf8(found.stderr).unwrap().contains("1 problem"));

    let (_folder, path) = file(&GOOD.replace("find.hits", "find.hist"));
    let found = ibid().args(["workflow", "check", &path, "--json"]).output().unwrap();
    assert_eq!(found.status.code(), Some(2));
    let json: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(json["schema"], "ibid.workflow_check/1");
    assert_eq!(
        (&json["ok"], &json["problems"][0]["line"], &json["problems"][0]["column"]),
        (&false.into(), &12.into(), &10.into())
    );
    assert_eq!(json["problems"][0]["suggestion"], "did you mean `find.hits`?");
}

#[test]
fn a_good_file_passes_and_is_drawn() {
    let (folder, path) = file(GOOD);
    let found = ibid().args(["workflow", "check", &path]).output().unwrap();
    assert_eq!((found.status.code(), found.stdout.len()), (Some(0), 0));
    let drawn = ibid().args(["workflow", "graph", &path]).output().unwrap();
    assert!(String::from_utf8(drawn.stdout).unwrap().starts_with("flowchart TD\n"));
    let target = folder.path().join("flow.svg");
    let drawn = ibid().args(["workflow", "graph", &path, "--svg"]).arg(&target).output().unwrap();
    assert_eq!(drawn.status.code(), Some(0));
    assert!(std::fs::read_to_string(target).unwrap().contains("data-step=\"find\""));
}

#[test]
fn what_is_no_workflow_is_told() {
    for (text, says) in [
        ("", "needs a field `name`"),
        ("name = ", "this is no TOML"),
        ("name = \"a\"\nstep = []\n", "there is no step"),
    ] {
        let (_folder, path) = file(text);
        let found = ibid().args(["workflow", "check", &path]).output().unwrap();
        assert_eq!(found.status.code(), Some(2), "{text}");
        assert!(String::from_utf8(found.stdout).unwrap().contains(says), "{text}");
    }
    let found = ibid().args(["workflow", "show", "nothing"]).output().unwrap();
    assert_eq!(found.status.code(), Some(2));
    let found = ibid().args(["workflow", "check", "/nowhere/flow.toml"]).output().unwrap();
    assert_eq!(found.status.code(), Some(2));
}

#[test]
fn what_cannot_run_is_not_begun() {
    let home = Home::new();
    let model = GOOD.replace("\"retrieve\"\nquery", "\"generate\"\nmodel = [\"cheap\"]\nprompt");
    let tool = GOOD.replace("\"retrieve\"\nquery = \"{{ input.question }}\"", "\"tool\"\ntool = \"serach\"");
    let wrong = [
        (GOOD.replace("find.hits", "find.hist"), "flow.toml:12:", "find.hits"),
        (model, "flow.toml:7:", "[models.cheap]"),
        (tool, "flow.toml:7:", "`search`"),
    ];
    for (text, place, help) in wrong {
        let (_folder, path) = file(&text);
        let found = home.run(&["run", &path, "--input", "question=x"]);
        assert_eq!((found.code, found.stdout.as_str()), (2, ""), "{text}");
        assert!(found.stderr.contains(place) && found.stderr.contains(help), "{}", found.stderr);
    }
    assert_eq!(home.json(&["runs"]).1["runs"], serde_json::json!([]));
}

#[test]
fn the_files_that_a_workflow_runs_are_checked_too() {
    let home = Home::new();
    let (folder, path) = file(
        "name = \"w\"\n[[step]]\nid = \"s\"\nkind = \"workflow\"\nfile = \"inner.toml\"\ninput = { question = \"'x'\" }\n",
    );
    let inner = folder.path().join("inner.toml");
    std::fs::write(&inner, GOOD.replace("find.hits", "find.hist")).unwrap();
    let found = home.run(&["workflow", "check", &path]);
    assert!(found.code == 2 && found.stderr.contains("inner.toml:12:"), "{}", found.stderr);
    assert_eq!(home.json(&["workflow", "check", &path]).1["ok"], false);
    std::fs::write(&inner, GOOD).unwrap();
    assert_eq!(home.run(&["workflow", "check", &path]).code, 0);
}

#[test]
fn the_schema_is_the_one_in_the_repository() {
    let printed = ibid().args(["workflow", "schema"]).output().unwrap().stdout;
    let kept = std::fs::read(project().join("schemas/workflow.schema.json")).unwrap();
    assert!(printed == kept, "write it with: ibid workflow schema > schemas/workflow.schema.json");
}

#[test]
fn the_examples_of_the_documentation_are_sound() {
    let text = std::fs::read_to_string(project().join("docs/workflows.md")).unwrap();
    let mut count = 0;
    let home = Home::new();
    let role = |name: &str| format!("[models.{name}]\nurl = \"http://127.0.0.1:1/v1\"\nmodel = \"m\"\n");
    home.set(&["cheap", "strong", "local"].map(role).concat());
    for block in text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        let whole = match block.contains("name = ") && block.starts_with("name") {
            true => block.to_string(),
            // An example of one kind stands behind steps that it can read.
            false => format!("{EXAMPLE_HEAD}{block}"),
        };
        let (_folder, path) = file(&whole);
        let found = home.run(&["workflow", "check", &path]);
        assert_eq!(found.code, 0, "{whole}\n{}", found.stdout);
        count += 1;
    }
    assert!(count >= 16, "{count}");
}

/// What the examples of single kinds may read.
const EXAMPLE_HEAD: &str = r#"name = "example"
input = { question = "string", agreements = "list", amount = "number" }
[[step]]
id = "find"
kind = "retrieve"
query = "{{ input.question }}"
[[step]]
id = "draft"
kind = "generate"
needs = ["find"]
question = "{{ input.question }}"
hits = "find.hits"
[[step]]
id = "check"
kind = "verify"
needs = ["draft"]
draft = "draft"
hits = "find.hits"
[[step]]
id = "figures"
kind = "compute"
needs = ["check"]
[step.values]
debt = "'$1,250 million'"
ebitda = "300"
questions = "['a', 'b']"
leverage = "4.2"
[graph.answer_one]
input = { question = "string" }
[[graph.answer_one.step]]
id = "find"
kind = "retrieve"
query = "{{ input.question }}"
"#;
