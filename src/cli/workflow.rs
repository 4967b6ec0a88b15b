//! `ibid workflow`: the workflows that ship, and the check, the drawing and the schema of workflow files.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::Exit;
use super::context::Context;
use super::terminal::{Look, Stream, counted, note, out, out_json, shown_path, styled, visible};
use crate::error::{Error, Result};
use crate::workflow::check::{Known, load};
use crate::workflow::draw::{mermaid, svg};
use crate::workflow::frames::Prepared;
use crate::workflow::load::prepare;
use crate::workflow::parse::{Problem, Severity, parse};
use crate::workflow::services::Services;
use crate::workflow::{schema, shipped};

/// What to do with workflows.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum WorkflowCommand {
    /// List the workflows that come with the program
    List,
    /// Find what is wrong with a workflow file
    Check {
        /// The file, or the name of a shipped workflow
        #[arg(value_name = "FILE")]
        file: String,
    },
    /// Print a shipped workflow, to read or to copy and change
    Show {
        /// Its name
        name: String,
    },
    /// Draw a workflow: Mermaid on standard output, or an SVG
    Graph {
        /// A file, or the name of a shipped workflow
        #[arg(value_name = "NAME|FILE")]
        file: String,
        /// Write an SVG to this file instead; `-` for standard output
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
    /// Print the JSON Schema of workflow files, for editors
    Schema,
}

pub(crate) fn run(command: &WorkflowCommand, context: &Context) -> Result<Exit> {
    match command {
        WorkflowCommand::List => list(context),
        WorkflowCommand::Check { file } => check(file, context),
        WorkflowCommand::Show { name } => show(name, context),
        WorkflowCommand::Graph { file, svg } => graph(file, svg.as_deref(), context),
        WorkflowCommand::Schema => {
            out(&(serde_json::to_string_pretty(&schema::schema()).expect("a schema is plain data") + "\n"))?;
            Ok(Exit::Done)
        }
    }
}

/// A workflow's text, what messages call it, and the folder that files it names start from.
struct Source {
    text: String,
    name: String,
    folder: PathBuf,
}

impl Source {
    /// A shipped workflow by its name, `-` for standard input, else a file.
    fn find(name: &str) -> Result<Self> {
        let path = Path::new(name);
        if let Some(shipped) = shipped::find(name).filter(|_| !path.exists()) {
            let name = format!("{name} (shipped)");
            return Ok(Self { text: shipped.text.to_string(), name, folder: PathBuf::new() });
        }
        if name == "-" {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut std::io::stdin(), &mut text)
                .map_err(Error::io("read", "standard input"))?;
            return Ok(Self { text, name: "standard input".into(), folder: PathBuf::new() });
        }
        let is_name = !name.contains(['/', '.']) && !path.exists();
        if is_name {
            return Err(unknown(name));
        }
        let bytes = std::fs::read(path).map_err(Error::io("read the workflow", path))?;
        let text =
            String::from_utf8(bytes).map_err(|_| Error::usage(format!("{} is not UTF-8 text", shown_path(name))))?;
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(Self { text, name: name.to_string(), folder })
    }

    /// Finds what is wrong with it: roles and tools as the settings have them, files from its own folder.
    fn check(&self, services: &Services) -> std::result::Result<Vec<Problem>, Vec<Problem>> {
        let known = Known {
            models: Some(services.models().names().map(String::from).collect()),
            tools: Some(services.tools().schemas()),
            folder: Some(self.folder.clone()),
        };
        load(&self.text, &self.name, &known).map(|checked| checked.warnings)
    }

    /// The text, once nothing is wrong with it; what is wrong is told.
    fn checked(self, services: &Services) -> Result<Self> {
        let Err(problems) = self.check(services) else { return Ok(self) };
        let errors: Vec<&Problem> = problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
        for problem in &errors {
            note(told(problem, &self.text, Stream::Err).trim_end());
        }
        Err(self.cannot("run", errors.len() as u64))
    }

    fn cannot(&self, what: &str, problems: u64) -> Error {
        Error::usage(format!("{} cannot {what}: {}", visible(&self.name), counted(problems, "problem")))
    }
}

/// The workflow with this name or path and all files that it names, checked and ready to run.
pub(crate) fn ready(name: &str, services: &Services) -> Result<Prepared> {
    let source = Source::find(name)?.checked(services)?;
    let load = |file: &str| {
        let beside = source.folder.join(file);
        let named = if beside.is_file() { beside.display().to_string() } else { file.to_string() };
        Ok(Source::find(&named)?.checked(services)?.text)
    };
    prepare(name, &source.text, &load)
}

fn unknown(name: &str) -> Error {
    let hint = match crate::workflow::nearest(name, shipped::names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "list them with: ibid workflow list".into(),
    };
    Error::usage(format!("no shipped workflow is called `{name}`; {hint}"))
}

fn list(context: &Context) -> Result<Exit> {
    let all: Vec<(&str, String)> = shipped::SHIPPED
        .iter()
        .map(|shipped| {
            let about = parse(shipped.text, shipped.name).map(|workflow| workflow.description).unwrap_or_default();
            (shipped.name, about)
        })
        .collect();
    if context.json {
        let workflows: Vec<_> =
            all.iter().map(|(name, about)| serde_json::json!({ "name": name, "description": about })).collect();
        out_json(&serde_json::json!({ "schema": "ibid.workflows/1", "workflows": workflows }))?;
        return Ok(Exit::Done);
    }
    let width = all.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, about) in &all {
        out(&format!("{}  {about}\n", styled(Stream::Out, Look::Source, &format!("{name:<width$}"))))?;
    }
    Ok(Exit::Done)
}

fn show(name: &str, context: &Context) -> Result<Exit> {
    let shipped = shipped::find(name).ok_or_else(|| unknown(name))?;
    if context.json {
        out_json(&serde_json::json!({ "schema": "ibid.workflow_text/1", "name": shipped.name, "text": shipped.text }))?;
    } else {
        out(shipped.text)?;
    }
    Ok(Exit::Done)
}

fn check(file: &str, context: &Context) -> Result<Exit> {
    let source = Source::find(file)?;
    let services = context.settings.services()?;
    let (problems, is_good) = match source.check(&services) {
        Ok(warnings) => (warnings, true),
        Err(problems) => (problems, false),
    };
    // The files that it runs, and theirs.
    let broken = if is_good && file != "-" { ready(file, &services).err() } else { None };
    if context.json {
        out_json(&serde_json::json!({
            "schema": "ibid.workflow_check/1",
            "path": source.name,
            "ok": is_good && broken.is_none(),
            "problems": problems,
        }))?;
    } else {
        for problem in &problems {
            out(&told(problem, &source.text, Stream::Out))?;
        }
    }
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count() as u64;
    let warnings = problems.len() as u64 - errors;
    if !is_good {
        // The problems are the answer; the error only says how many there are.
        return Err(source.cannot("run", errors));
    }
    if let Some(error) = broken {
        return Err(error);
    }
    if !context.quiet {
        let also = if warnings > 0 { format!(", with {}", counted(warnings, "warning")) } else { String::new() };
        note(&format!("{} can run{also}", visible(&source.name)));
    }
    Ok(Exit::Done)
}

/// A problem with its line of the file and a sign under the place.
fn told(problem: &Problem, text: &str, stream: Stream) -> String {
    let Problem { path, line, column, severity, message, suggestion } = problem;
    let (word, look) = match severity {
        Severity::Error => ("error", Look::Bad),
        Severity::Warning => ("warning", Look::Warn),
    };
    let place = format!("{}:{line}:{column}:", visible(path));
    let mut told = format!("{place} {} {}\n", styled(stream, look, &format!("{word}:")), visible(message));
    if let Some(source) = text.lines().nth(line - 1) {
        // Long lines are cut so that the place is seen.
        let skipped = column.saturating_sub(60);
        let shown: String = visible(&source.chars().skip(skipped).take(100).collect::<String>()).replace('\t', " ");
        let number = line.to_string();
        let before = unicode_width::UnicodeWidthStr::width(
            shown.chars().take(column - 1 - skipped).collect::<String>().as_str(),
        );
        let gutter = " ".repeat(number.len());
        told.push_str(&format!("{} {shown}\n", styled(stream, Look::Faint, &format!("{number} |"))));
        told.push_str(&format!(
            "{} {}{}\n",
            styled(stream, Look::Faint, &format!("{gutter} |")),
            " ".repeat(before),
            styled(stream, look, "^")
        ));
    }
    if let Some(suggestion) = suggestion {
        told.push_str(&format!("  {} {}\n", styled(stream, Look::Faint, "help:"), visible(suggestion)));
    }
    told
}

fn graph(file: &str, target: Option<&Path>, context: &Context) -> Result<Exit> {
    let source = Source::find(file)?;
    let workflow = parse(&source.text, &source.name).map_err(|problems| {
        for problem in &problems {
            note(told(problem, &source.text, Stream::Err).trim_end());
        }
        source.cannot("be drawn", problems.len() as u64)
    })?;
    let Some(target) = target else {
        out(&mermaid(&workflow))?;
        return Ok(Exit::Done);
    };
    let drawing = svg(&workflow, None);
    if target == Path::new("-") {
        out(&drawing)?;
        return Ok(Exit::Done);
    }
    std::fs::write(target, drawing).map_err(Error::io("write", target))?;
    if !context.quiet {
        note(&format!("wrote {}", target.display()));
    }
    Ok(Exit::Done)
}
