//! The workflows that are compiled into the program, by name.

/// A workflow that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

/// All of them, sorted by name.
pub const SHIPPED: [Shipped; 4] = [
    Shipped { name: "ask", text: include_str!("shipped/ask.toml") },
    Shipped { name: "covenants", text: include_str!("shipped/covenants.toml") },
    Shipped { name: "figures", text: include_str!("shipped/figures.toml") },
    Shipped { name: "research", text: include_str!("shipped/research.toml") },
];

/// The one of this name.
#[must_use]
pub fn find(name: &str) -> Option<Shipped> {
    SHIPPED.iter().copied().find(|shipped| shipped.name == name)
}

/// The names of all.
pub fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|shipped| shipped.name)
}
