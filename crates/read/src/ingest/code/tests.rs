//! Source code goes in; the items that must be blocks are written here.

use proptest::prelude::*;

use super::*;

const ALL: [Language; 5] = [Language::Braces, Language::Indentation, Language::Words, Language::Shell, Language::Sql];

fn blocks(text: &str, language: Language) -> Vec<String> {
    let document = read_code(text.to_owned(), language);
    document.check().expect("spans hold");
    assert_eq!(document.text, text);
    document.blocks.iter().map(|block| block.span.of(text).to_owned()).collect()
}

/// The first line of each block.
fn firsts(text: &str, language: Language) -> Vec<String> {
    blocks(text, language).iter().map(|block| block.lines().next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn functions_are_whole_and_keep_the_comment_above() {
    let text = "//! Doc.\n\nuse a;\nuse b;\n/// Adds.\n#[inline]\nfn add(a: u8) -> u8 {\n    let x = \"}\";\n\n    a\n}\nstruct S;\nconst A: u8 = 1;\n\n// apart\n\npub(crate) fn b()\nwhere\n{\n}\n";
    let found = blocks(text, Language::Braces);
    assert_eq!(found.len(), 6, "{found:#?}");
    assert_eq!(found[2], "/// Adds.\n#[inline]\nfn add(a: u8) -> u8 {\n    let x = \"}\";\n\n    a\n}");
    assert_eq!(found[5], "pub(crate) fn b()\nwhere\n{\n}");
}

#[test]
fn unindented_bodies_stay_together_while_braces_are_open() {
    let text = "/*\n * License.\n\n * More.\n */\n#include <a.h>\n\nstatic int\nmain(void)\n{\nint x = '{';\n\n#ifdef A\nreturn 0;\n#endif\n}\n\nint b(int c) {\n    return c;\n}\nint d(void) { return 1; }\n";
    let found = firsts(text, Language::Braces);
    assert_eq!(found, ["/*", "static int", "int b(int c) {", "int d(void) { return 1; }"]);
}

#[test]
fn long_types_are_divided_into_methods() {
    let method = |name: &str| {
        format!("    /** Does. */\n    public int {name}(int a) {{\n{}    }}\n\n", "        a++;\n".repeat(20))
    };
    let text = format!(
        "package x;\n\npublic class Shop {{\n    int field;\n\n{}{}{}}}\n",
        method("one"),
        method("two"),
        method("three")
    );
    let found = blocks(&text, Language::Braces);
    assert_eq!(found.len(), 5, "{found:#?}");
    assert_eq!(found[1], "public class Shop {\n    int field;");
    assert!(found[2].starts_with("    /** Does. */\n    public int one(") && found[4].ends_with("    }\n\n}"));
    let python = format!(
        "class A(B):\n    \"\"\"Doc.\n\ntext\"\"\"\n\n    x = 1\n{}",
        "\n    @property\n    def f(self):\n        return 1\n\n        # more\n".repeat(12)
    );
    let found = blocks(&python, Language::Indentation);
    assert_eq!(found.len(), 13, "{found:#?}");
    assert!(found[1].starts_with("    @property\n    def f(self):"));
}

#[test]
fn python_ruby_shell_and_sql_items_are_found() {
    let python = "\"\"\"Doc\ndef no():\n\"\"\"\nimport a\n\n# Above.\n@d\nasync def f(\n    a,\n):\n    return 1\n\n\nclass C:\n    def m(self):\n        pass\nx = 1\n";
    assert_eq!(firsts(python, Language::Indentation), ["\"\"\"Doc", "# Above.", "class C:", "x = 1"]);
    let ruby = "require 'a'\n\nmodule M\n  def a\n    1\n  end\nend\n\ndef b\n  2\nrescue\n  3\nend\n";
    assert_eq!(firsts(ruby, Language::Words), ["require 'a'", "module M", "def b"]);
    let shell = "#!/bin/sh\nset -e\n\n# Says.\nsay() {\n  echo \"$1\"\n}\nsay hi\n";
    assert_eq!(firsts(shell, Language::Shell), ["#!/bin/sh", "# Says.", "say hi"]);
    let sql = "-- People.\nCREATE TABLE a (\n  x int,\n\n  y int\n);\nSELECT *\nFROM a\n\nWHERE x = 1;\nCREATE FUNCTION f() AS $$\nSELECT 1;\n$$;\n";
    assert_eq!(firsts(sql, Language::Sql), ["-- People.", "SELECT *", "CREATE FUNCTION f() AS $$"]);
}

proptest! {
    #[test]
    fn any_text_gives_a_checked_document(
        pieces in prop::collection::vec(prop_oneof![
            8 => prop::sample::select(vec![
                "fn a() {", "}", "\n", "\n\n", "    ", "\t", "class A:", "def f():", "end", "/*", "*/", "//", "#", "@x", "\"\"\"", "'{'", "\"", ";", "{",
                "SELECT", "$$", "struct ", "impl X {\n", "x = 1", "é", "日本", "\u{a0}", "int main(void)\n",
            ]).prop_map(str::to_owned),
            1 => "\\PC{0,6}",
        ], 0..200)
    ) {
        let text = pieces.concat();
        for language in ALL {
            let held: usize = blocks(&text, language).iter().map(|block| block.split_whitespace().count()).sum();
            prop_assert_eq!(held, text.split_whitespace().count(), "{:?}", language);
        }
    }
}
