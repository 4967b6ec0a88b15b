//! What the Office formats draw alike goes in (text in shapes, tables, charts, diagrams; ECMA-376 part 1, 20 and 21), lines and blocks come out.

use std::collections::{BTreeMap, HashMap};

use super::package::{Package, Relation};
use super::xml::{Element, Node, Xml};
use super::{Output, number_format, one_line, without_soft_hyphens};
use crate::document::BlockKind;
use crate::error::Result;
use crate::ingest::blocks::BlockWriter;
use crate::ingest::numbering::{Counts, LEVELS_MAX, Level, NumberStyle};
use crate::ingest::table::Table;

/// Spaces that a list inside a list is set in by.
const INDENT: usize = 2;
/// Series of one chart that are shown; a person cannot tell more apart.
const SERIES_MAX: usize = 256;

/// What stands before a paragraph of a shape.
#[derive(Debug, Clone, Default)]
pub(super) enum Mark {
    /// As the layout of the slide says.
    #[default]
    Inherited,
    Absent,
    Sign,
    Number(Level),
}

/// A paragraph of a shape.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) level: usize,
    pub(super) mark: Mark,
}

/// The paragraphs inside the element that was open at `level`.
///
/// # Errors
/// As [`Xml::next`].
pub(super) fn lines(xml: &mut Xml<'_>, level: usize) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "p" => lines.push(line(xml)?),
            "Fallback" => xml.skip()?,
            _ => {}
        }
    }
    Ok(lines)
}

fn line(xml: &mut Xml<'_>) -> Result<Line> {
    let level = xml.depth();
    let mut line = Line::default();
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "pPr" => line.level = element.number("lvl").unwrap_or(0).min(LEVELS_MAX - 1),
            "buNone" => line.mark = Mark::Absent,
            "buChar" | "buBlip" => line.mark = Mark::Sign,
            "buAutoNum" => line.mark = Mark::Number(numbered(&element)),
            "t" => line.text.push_str(&without_soft_hyphens(&xml.text()?)),
            "br" => line.text.push('\n'),
            "rPr" | "endParaRPr" | "Fallback" => xml.skip()?,
            _ => {}
        }
    }
    Ok(line)
}

/// A count such as `arabicPeriod` or `alphaLcParenR`.
fn numbered(element: &Element<'_>) -> Level {
    let kind = element.attribute("type").unwrap_or_default();
    let style = match &kind {
        kind if kind.starts_with("alphaLc") => NumberStyle::LowerLetter,
        kind if kind.starts_with("alphaUc") => NumberStyle::UpperLetter,
        kind if kind.starts_with("romanLc") => NumberStyle::LowerRoman,
        kind if kind.starts_with("romanUc") => NumberStyle::UpperRoman,
        _ => NumberStyle::Decimal,
    };
    let pattern = match &kind {
        kind if kind.ends_with("ParenBoth") => "(%1)",
        kind if kind.ends_with("ParenR") => "%1)",
        kind if kind.ends_with("Plain") => "%1",
        _ => "%1.",
    };
    Level { style, pattern: pattern.into(), start: element.number("startAt").unwrap_or(1) }
}

/// Writes `lines`; those whose mark is inherited are list items when `is_list`.
pub(super) fn write(lines: &[Line], is_list: bool, into: &mut BlockWriter) {
    let mut counts: HashMap<usize, Counts> = HashMap::new();
    for line in lines.iter().filter(|line| !line.text.trim().is_empty()) {
        counts.retain(|level, _| *level <= line.level);
        let label = match &line.mark {
            Mark::Number(level) => counts.entry(line.level).or_default().next(std::slice::from_ref(level), 0),
            Mark::Inherited if !is_list => None,
            Mark::Absent => None,
            Mark::Inherited | Mark::Sign => Some("-".into()),
        };
        if !matches!(line.mark, Mark::Number(_)) {
            counts.remove(&line.level);
        }
        let text = line.text.trim();
        match label {
            Some(label) => into.push_indented(BlockKind::ListItem, line.level * INDENT, &format!("{label} {text}")),
            None => into.push(BlockKind::Paragraph, text),
        }
    }
}

/// Reads the table that was opened last into `into`. Cells that others cover are there, and empty.
///
/// # Errors
/// As [`Xml::next`]; `limit_exceeded` for cells.
pub(super) fn table(xml: &mut Xml<'_>, output: &mut Output, into: &mut BlockWriter) -> Result<()> {
    let level = xml.depth();
    let mut table = Table::default();
    let mut has_header = false;
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "tblPr" => has_header = element.is_true("firstRow"),
            "tr" => {
                if has_header && table.len() == 1 {
                    table.end_header();
                }
                table.row();
            }
            "tc" => {
                output.cells(1)?;
                let cell = xml.depth();
                let text: Vec<String> = lines(xml, cell)?.iter().map(|line| one_line(&line.text)).collect();
                table.cell(text.join(" ").trim(), 1, 1);
            }
            _ => {}
        }
    }
    table.write(into);
    Ok(())
}

/// The charts and diagrams that `relations` lead to, by relation.
///
/// # Errors
/// As [`Package::text`]; `limit_exceeded` for nesting and cells.
pub(super) fn embedded(
    package: &mut Package<'_>,
    output: &mut Output,
    relations: &[Relation],
) -> Result<HashMap<String, BlockWriter>> {
    let mut found = HashMap::new();
    for relation in relations {
        let is_chart = relation.kind == "chart";
        if !is_chart && relation.kind != "diagramData" {
            continue;
        }
        let Some(part) = relation.target.as_deref() else { continue };
        let Some(text) = package.text(part)? else { continue };
        let mut xml = Xml::new(&text, package.depth_max());
        let mut blocks = BlockWriter::default();
        if is_chart {
            chart(&mut xml, output, &mut blocks)?;
        } else {
            let mut lines = lines(&mut xml, 0)?;
            lines.iter_mut().for_each(|line| line.mark = Mark::Sign);
            write(&lines, true, &mut blocks);
        }
        output.note_end(None, part, &xml);
        found.insert(relation.id.clone(), blocks);
    }
    Ok(found)
}

/// One series of a chart: its name, and the category and value of each point.
#[derive(Debug, Default)]
struct Series {
    name: String,
    points: BTreeMap<u32, (String, String)>,
}

/// A chart as its titles and a table of the values that it shows.
fn chart(xml: &mut Xml<'_>, output: &mut Output, into: &mut BlockWriter) -> Result<()> {
    let mut all = Vec::new();
    while let Some(node) = xml.next()? {
        let Node::Open(element) = node else { continue };
        match element.name() {
            "title" => {
                let level = xml.depth();
                for line in lines(xml, level)? {
                    into.push(BlockKind::Paragraph, &line.text);
                }
            }
            "ser" => {
                let series = series(xml, output)?;
                if all.len() < SERIES_MAX {
                    all.push(series);
                }
            }
            "Fallback" => xml.skip()?,
            _ => {}
        }
    }
    let mut categories: BTreeMap<u32, &str> = BTreeMap::new();
    for (at, (category, _)) in all.iter().flat_map(|series| &series.points) {
        let known = categories.entry(*at).or_default();
        if known.is_empty() {
            *known = category;
        }
    }
    output.cells(categories.len().saturating_mul(all.len() + 1))?;
    let mut table = Table::default();
    table.row();
    table.cell("", 1, 1);
    all.iter().for_each(|series| table.cell(&series.name, 1, 1));
    if all.iter().any(|series| !series.name.is_empty()) {
        table.end_header();
    }
    for (at, category) in &categories {
        table.row();
        table.cell(category, 1, 1);
        for series in &all {
            table.cell(series.points.get(at).map_or("", |(_, value)| value), 1, 1);
        }
    }
    table.write(into);
    Ok(())
}

fn series(xml: &mut Xml<'_>, output: &mut Output) -> Result<Series> {
    let level = xml.depth();
    let mut series = Series::default();
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "tx" => {
                let values = cached(xml, output)?;
                series.name = values.into_iter().map(|(_, value)| value).collect::<Vec<_>>().join(" ");
            }
            "cat" | "xVal" => {
                cached(xml, output)?.into_iter().for_each(|(at, value)| series.points.entry(at).or_default().0 = value);
            }
            "val" | "yVal" => {
                cached(xml, output)?.into_iter().for_each(|(at, value)| series.points.entry(at).or_default().1 = value);
            }
            "dLbls" | "extLst" => xml.skip()?,
            _ => {}
        }
    }
    Ok(series)
}

/// The values that a chart keeps of the cells it shows, as it shows them.
fn cached(xml: &mut Xml<'_>, output: &mut Output) -> Result<Vec<(u32, String)>> {
    let level = xml.depth();
    let mut values = Vec::new();
    let (mut at, mut format, mut is_number) = (0, None, false);
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "numCache" | "numLit" => is_number = true,
            "formatCode" => format = Some(xml.text()?),
            "pt" => at = element.number("idx").unwrap_or(0),
            "v" => {
                output.cells(1)?;
                let text = xml.text()?;
                let number = text.trim().parse::<f64>().ok().filter(|_| is_number);
                let code = format.as_deref().unwrap_or("General");
                values.push((
                    at,
                    number.map_or_else(|| one_line(&text), |number| number_format::shown(number, code, false)),
                ));
            }
            _ => {}
        }
    }
    Ok(values)
}
