//! A package of the Office Open XML kind goes in, which part leads to which comes out (ECMA-376 part 2); what lies outside is never fetched.

use std::collections::HashMap;

use super::package::{Package, Relation, resolve, without_main};
use super::xml::{Node, Xml};
use super::{Output, one_line};
use crate::error::Result;
use crate::ingest::blocks::title;
use crate::ingest::dates::rfc3339;

/// Relations of one part that are looked at.
const RELATIONS_MAX: usize = 100_000;

/// What the part `name` points to; an empty name asks for the package itself.
///
/// # Errors
/// As [`Package::text`].
pub(super) fn relations(package: &mut Package<'_>, output: &mut Output, name: &str) -> Result<Vec<Relation>> {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let separator = if folder.is_empty() { "" } else { "/" };
    let part = format!("{folder}{separator}_rels/{file}.rels");
    let Some(text) = package.text(&part)? else { return Ok(Vec::new()) };
    let mut xml = Xml::new(&text, package.depth_max());
    let mut found = Vec::new();
    while let Some(node) = xml.next()? {
        let Node::Open(element) = node else { continue };
        if element.name() != "Relationship" || found.len() >= RELATIONS_MAX {
            continue;
        }
        let is_external = element.attribute("TargetMode").is_some_and(|mode| mode.eq_ignore_ascii_case("external"));
        let target = element.attribute("Target").filter(|_| !is_external).map(|target| resolve(name, &target));
        let kind = element.attribute("Type").unwrap_or_default();
        let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
        found.push(Relation { id: element.attribute("Id").unwrap_or_default(), kind, target });
    }
    output.note_end(None, &part, &xml);
    Ok(found)
}

/// The parts that `relations` calls `kind`, in order.
pub(super) fn targets<'r>(relations: &'r [Relation], kind: &'r str) -> impl Iterator<Item = &'r str> {
    relations.iter().filter(move |relation| relation.kind == kind).filter_map(|relation| relation.target.as_deref())
}

/// The parts that `relations` lead to, by relation. Of two with the same id the first counts.
pub(super) fn by_id(relations: &[Relation]) -> HashMap<&str, &str> {
    let parts = relations.iter().rev().filter_map(|relation| Some((relation.id.as_str(), relation.target.as_deref()?)));
    parts.collect()
}

/// The name of the main part, and the title and dates from the properties noted in `output`.
///
/// # Errors
/// `malformed` without a main part; else as [`Package::text`].
pub(super) fn main_part(package: &mut Package<'_>, output: &mut Output, usual: &str, what: &str) -> Result<String> {
    let of_package = relations(package, output, "")?;
    if let Some(part) = targets(&of_package, "core-properties").next().map(str::to_owned) {
        properties(package, output, &part)?;
    }
    let main = targets(&of_package, "officeDocument").find(|part| package.has(part)).map(str::to_owned);
    match main {
        Some(main) => Ok(main),
        None if package.has(usual) => Ok(usual.to_owned()),
        None => Err(without_main(what)),
    }
}

/// Notes the title and the dates that the part `part` states in `output`. Of two the first counts.
///
/// # Errors
/// As [`Package::text`].
pub(super) fn properties(package: &mut Package<'_>, output: &mut Output, part: &str) -> Result<()> {
    let Some(text) = package.text(part)? else { return Ok(()) };
    let mut xml = Xml::new(&text, package.depth_max());
    while let Some(node) = xml.next()? {
        let Node::Open(element) = node else { continue };
        match element.name() {
            "title" if output.title.is_none() => output.title = title(&one_line(&xml.text()?)),
            // Office Open XML and OpenDocument; the second calls the last change `dc:date`.
            "created" | "creation-date" if output.dates.created.is_none() => {
                output.dates.created = rfc3339(&xml.text()?);
            }
            "modified" | "date" if output.dates.modified.is_none() => output.dates.modified = rfc3339(&xml.text()?),
            _ => {}
        }
    }
    Ok(())
}
