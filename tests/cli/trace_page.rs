//! The page of a run, as a browser reads it: whole, complete, and deaf to hostile text.

use scraper::{Html, Selector};
use serde_json::Value;

use crate::model_server::ModelServer;
use crate::support::{Home, project, write};

const HOSTILE: &str = "</script><script>alert(1)</script><!-- <b>&amp; \u{202e}\u{2028}\u{7f}";

const WORKFLOW: &str = r#"
name = "page <test>"
description = "a & b"
output = "end"
input = { word = "string" }
[[step]]
id = "ask"
kind = "generate"
model = ["m"]
prompt = "say {{ input.word }}"
[[step]]
id = "retried"
kind = "generate"
model = ["m"]
prompt = "busy 1 x"
retry = { attempts = 2, backoff_ms = 1 }
[[step]]
id = "never"
kind = "compute"
when = "input.word == ''"
values = { x = "1" }
[[step]]
id = "wrong"
kind = "compute"
values = { x = "[1][4]" }
on_error = "skip"
[[step]]
id = "all"
kind = "each"
needs = ["ask"]
over = "['a', 'b', 'c']"
graph = "part"
input = { item = "item" }
[[step]]
id = "end"
kind = "format"
needs = ["all", "ask"]
template = "{{ ask.text }}"
[graph.part]
input = { item = "string" }
[[graph.part.step]]
id = "twice"
kind = "compute"
values = { y = "input.item + input.item" }
"#;

fn page_of_a_run() -> (Home, String, String) {
    let server = ModelServer::start();
    let home = server.home();
    let workflow = write(home.folder.path(), "w.toml", WORKFLOW.as_bytes()).display().to_string();
    let (code, ended) = home.json(&["run", &workflow, "--input", &format!("word={HOSTILE}")]);
    assert_eq!(code, 0, "{ended}");
    let run = ended["run"].as_str().unwrap().to_string();
    let file = home.folder.path().join("page.html").display().to_string();
    let wrote = home.run(&["trace", "html", &run, "--out", &file]);
    assert_eq!(wrote.code, 0, "{}", wrote.stderr);
    (home, file, run)
}

#[test]
fn a_run_is_written_as_one_page_that_no_text_can_break() {
    let (home, file, run) = page_of_a_run();
    let text = std::fs::read_to_string(&file).unwrap();
    let page = Html::parse_document(&text);
    assert_eq!(format!("{:?}", page.quirks_mode), "NoQuirks");
    let all = |selector: &str| page.select(&Selector::parse(selector).unwrap()).collect::<Vec<_>>();
    assert_eq!(all("title")[0].text().collect::<String>(), "page <test> · run");
    // Two scripts: the data, which no browser runs, and our own.
    assert_eq!(all("script").len(), 2);
    for place in [
        "head > style",
        "main > .left > section #graph > svg",
        "main > aside#detail",
        "body > script#data",
        "body > script:last-child",
    ] {
        assert_eq!(all(place).len(), 1, "{place}");
    }
    for fetched in ["[src]", "link", "iframe", "object", "img", "[href^=http]"] {
        assert!(all(fetched).is_empty(), "{fetched}");
    }
    assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))));
    let data: Value = serde_json::from_str(&all("#data")[0].text().collect::<String>()).unwrap();
    assert_eq!(data["run"]["run"], run.as_str());
    assert_eq!(data["input"]["word"], HOSTILE, "what is shown is what was said");
    let drawn: Vec<&str> = all("#graph [data-step]").iter().filter_map(|node| node.value().attr("data-step")).collect();
    for step in ["ask", "retried", "never", "wrong", "all", "end", "part/twice"] {
        assert!(drawn.contains(&step), "{step} is not among {drawn:?}");
    }
    let visits = data["visits"].as_array().unwrap();
    let of = |key: &str| visits.iter().filter(|visit| visit["key"] == key).collect::<Vec<_>>();
    assert_eq!((of("part/twice").len(), of("never")[0]["outcome"].as_str()), (3, Some("skipped")));
    assert_eq!(of("retried")[0]["failures"].as_array().unwrap().len(), 1);
    assert_eq!(of("ask")[0]["calls"][0]["request"]["messages"][0]["content"], format!("say {HOSTILE}"));
    let class = |key: &str| {
        let node = all(&format!("#graph [data-step=\"{key}\"]"))[0];
        node.value().attr("class").unwrap().to_string()
    };
    assert_eq!(
        [class("ask"), class("never"), class("wrong"), class("part/twice")].map(|class| class.replace("wf-node ", "")),
        ["wf-done", "wf-skipped", "wf-mended", "wf-done"]
    );
    let unknown = home.run(&["trace", "html", "nope"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("no single run begins with `nope`"), "{}", unknown.stderr);
}

#[test]
fn the_page_works_in_a_browser() {
    let (_home, file, _) = page_of_a_run();
    let script = project().join("scripts/check-trace-page");
    let python = std::env::var("IBID_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    match std::process::Command::new(&python).arg(script).arg(&file).output() {
        Err(error) => println!("skipped: {python} cannot be run: {error}"),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            print!("{said}");
            assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
