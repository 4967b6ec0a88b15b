//! The name of a language goes in, what its lines look like comes out.

/// A family of languages whose items are told apart by the same rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Blocks in braces: Rust, C, Java, JavaScript, Go and their like.
    Braces,
    /// Blocks by indentation: Python.
    Indentation,
    /// Blocks that end with a word: Ruby, Lua, Elixir, Julia.
    Words,
    /// Functions in braces among commands.
    Shell,
    /// Statements that end with a semicolon.
    Sql,
}

impl Language {
    /// The family of the language that files with this extension (lower case, without dot) are written in; none for data,
    /// settings, logs and unknown languages.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        Some(match extension {
            "rs" | "js" | "mjs" | "cjs" | "ts" | "tsx" | "jsx" | "java" | "kt" | "kts" | "c" | "h" | "cc" | "cpp"
            | "cxx" | "hpp" | "hh" | "cs" | "go" | "php" | "pl" | "pm" | "swift" | "scala" | "dart" | "groovy"
            | "gradle" | "zig" | "v" | "m" | "mm" | "proto" | "css" | "scss" | "less" | "r" | "ps1" | "tf"
            | "graphql" => Self::Braces,
            "py" | "pyi" | "pyx" | "nim" | "gd" => Self::Indentation,
            "rb" | "rake" | "lua" | "ex" | "exs" | "jl" | "cr" => Self::Words,
            "sh" | "bash" | "zsh" | "fish" | "ksh" => Self::Shell,
            "sql" | "ddl" | "psql" => Self::Sql,
            _ => return None,
        })
    }

    pub(super) fn rules(self) -> &'static Rules {
        match self {
            Self::Braces => &BRACES,
            Self::Indentation => &INDENTATION,
            Self::Words => &WORDS,
            Self::Shell => &SHELL,
            Self::Sql => &SQL,
        }
    }
}

/// What the lines of a language look like.
pub(super) struct Rules {
    /// Signs at the start of lines that belong to what follows: comments, attributes, decorators.
    pub leads: &'static [&'static str],
    /// Words of which one stands near the start of the line that names an item.
    pub items: &'static [&'static str],
    /// Those whose items hold others.
    pub containers: &'static [&'static str],
    /// Words at the start of lines that go on with the item before.
    pub continuations: &'static [&'static str],
    /// Whether braces are counted, and a line such as `int main(void)` names an item.
    pub braces: bool,
    /// Signs around text that may run over lines.
    pub quotes: &'static [&'static str],
    /// Whether only the end of a statement ends an item.
    pub statements: bool,
}

static BRACES: Rules = Rules {
    leads: &["//", "/*", "*", "#[", "@", "[["],
    items: &[
        "fn",
        "func",
        "fun",
        "function",
        "class",
        "struct",
        "enum",
        "union",
        "impl",
        "trait",
        "interface",
        "mod",
        "module",
        "namespace",
        "macro_rules",
        "object",
        "protocol",
        "extension",
        "record",
        "message",
        "service",
        "sub",
        "typealias",
        "def",
        "actor",
        "resource",
        "@interface",
        "@implementation",
    ],
    containers: &[
        "class",
        "struct",
        "impl",
        "trait",
        "interface",
        "mod",
        "module",
        "namespace",
        "object",
        "protocol",
        "extension",
        "record",
        "service",
        "actor",
        "extern",
        "@implementation",
    ],
    continuations: &["else", "catch", "finally", "where", "while"],
    braces: true,
    quotes: &[],
    statements: false,
};

static INDENTATION: Rules = Rules {
    leads: &["#", "@"],
    items: &["def", "class", "proc", "func", "cdef", "cpdef"],
    containers: &["class"],
    continuations: &["else", "elif", "except", "finally"],
    braces: false,
    quotes: &["\"\"\"", "'''"],
    statements: false,
};

static WORDS: Rules = Rules {
    leads: &["#", "--", "@"],
    items: &["def", "class", "module", "function", "defmodule", "defp", "defmacro", "struct", "macro", "describe"],
    containers: &["class", "module", "defmodule", "describe"],
    continuations: &[
        "end", "else", "elsif", "elseif", "rescue", "ensure", "when", "until", "after", "catch", "finally",
    ],
    braces: false,
    quotes: &["\"\"\""],
    statements: false,
};

static SHELL: Rules = Rules {
    leads: &["#"],
    items: &["function"],
    containers: &[],
    continuations: &["fi", "done", "esac", "else", "elif", "then", "do", "end"],
    braces: true,
    quotes: &[],
    statements: false,
};

static SQL: Rules = Rules {
    leads: &["--", "/*", "*", "#"],
    items: &["create", "alter", "select", "insert", "update", "delete", "with", "drop", "grant", "merge"],
    containers: &[],
    continuations: &["end"],
    braces: false,
    quotes: &["$$"],
    statements: true,
};
