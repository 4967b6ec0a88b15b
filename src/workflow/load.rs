//! A workflow's text in, the workflow ready for running out, the files of its sub-graphs taken in.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::check::kinds::graph_of;
use super::frames::Prepared;
use super::graph::{Graph, Step, Workflow};
use super::steps::Kind;
use crate::error::{Error, Result};

/// Files inside files at most.
const DEPTH_MAX: usize = 8;

/// Gives the text of a workflow by its name or path, as a step names it.
pub type Load<'a> = &'a dyn Fn(&str) -> Result<String>;

/// Reads a workflow and everything that it names. `name` is what errors call it.
///
/// # Errors
/// [`Error::Usage`] when it is no workflow or cannot be planned; what `load` reports.
pub fn prepare(name: &str, text: &str, load: Load<'_>) -> Result<Prepared> {
    let mut workflow = read(name, text)?;
    let mut taken = BTreeMap::new();
    let own = &mut workflow;
    let mut found = false;
    for steps in std::iter::once(&mut own.steps).chain(own.graphs.values_mut().map(|graph| &mut graph.steps)) {
        found |= take_in(steps, &mut taken, load, Path::new(""), 0)?;
    }
    workflow.graphs.extend(taken);
    if let Some(file) = runs_itself(&workflow) {
        return Err(Error::usage(format!("{file} runs itself; a loop is an arrow back: goto")));
    }
    // The text as it was written is kept where it says everything.
    let text = match found {
        true => toml::to_string(&workflow).map_err(|error| Error::usage(format!("cannot record {name}: {error}")))?,
        false => text.to_string(),
    };
    Prepared::new(workflow, text).map_err(|failure| Error::usage(format!("{name}: {}", failure.message)))
}

/// A file among the graphs of a workflow that comes back to itself.
fn runs_itself(workflow: &Workflow) -> Option<&str> {
    workflow.graphs.iter().find_map(|(name, graph)| {
        let file = name.strip_prefix("file:")?;
        let mut seen = HashSet::new();
        let mut open: Vec<&str> = graph.steps.iter().filter_map(graph_of).collect();
        while let Some(next) = open.pop() {
            if next == name {
                return Some(file);
            }
            if seen.insert(next) {
                open.extend(workflow.graphs.get(next).into_iter().flat_map(|graph| &graph.steps).filter_map(graph_of));
            }
        }
        None
    })
}

fn read(name: &str, text: &str) -> Result<Workflow> {
    toml::from_str(text).map_err(|error| Error::usage(format!("{name} is no workflow: {}", error.to_string().trim())))
}

/// Puts graphs in the place of files, which are named from `folder`; gives whether there were any.
fn take_in(
    steps: &mut [Step],
    taken: &mut BTreeMap<String, Graph>,
    load: Load<'_>,
    folder: &Path,
    depth: usize,
) -> Result<bool> {
    let mut found = false;
    for step in steps {
        let Kind::Workflow(sub) = &mut step.kind else { continue };
        let Some(file) = sub.file.take() else { continue };
        let file = match is_path(&file) {
            true => folder.join(&file).display().to_string(),
            false => file,
        };
        found = true;
        if depth >= DEPTH_MAX {
            return Err(Error::usage(format!(
                "workflow files name each other more than {DEPTH_MAX} deep, the last one {file}"
            )));
        }
        let prefix = format!("file:{file}");
        sub.graph = Some(prefix.clone());
        let Workflow { input, output, limits, mut steps, mut graphs, .. } = read(&file, &load(&file)?)?;
        // Its own limits hold inside it where the step sets none.
        let mut own = sub.limits.unwrap_or_default();
        own.steps = own.steps.or(Some(limits.steps));
        own.seconds = own.seconds.or(Some(limits.seconds));
        own.tokens = own.tokens.or(Some(limits.tokens));
        own.usd = own.usd.or(Some(limits.usd));
        sub.limits = Some(own);
        if taken.contains_key(&prefix) {
            continue;
        }
        // Taken before its own files are looked at, so that a file that names itself ends here.
        taken.insert(prefix.clone(), Graph { input: input.clone(), output: output.clone(), steps: vec![] });
        let all = std::iter::once(&mut steps).chain(graphs.values_mut().map(|graph| &mut graph.steps));
        for steps in all {
            for step in steps.iter_mut() {
                let named = match &mut step.kind {
                    Kind::Each(each) => Some(&mut each.graph),
                    Kind::Workflow(sub) => sub.graph.as_mut(),
                    _ => None,
                };
                if let Some(name) = named {
                    *name = format!("{prefix}/{name}");
                }
            }
            let beside = Path::new(&file).parent().filter(|_| is_path(&file)).unwrap_or(Path::new(""));
            take_in(steps, taken, load, beside, depth + 1)?;
        }
        taken.insert(prefix.clone(), Graph { input, output, steps });
        taken.extend(graphs.into_iter().map(|(name, graph)| (format!("{prefix}/{name}"), graph)));
    }
    Ok(found)
}

/// Whether a name is that of a file rather than of a workflow that ships.
fn is_path(name: &str) -> bool {
    name.contains(['/', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_others_from_its_own_folder() {
        let calls =
            |file: &str| format!("name = \"w\"\n[[step]]\nid = \"s\"\nkind = \"workflow\"\nfile = \"{file}\"\n");
        let leaf = "name = \"leaf\"\n[[step]]\nid = \"x\"\nkind = \"format\"\nvalue = \"1\"\n";
        let prepared = prepare("outer.toml", &calls("nest/mid.toml"), &|file| match file {
            "nest/mid.toml" => Ok(calls("leaf.toml")),
            "nest/leaf.toml" => Ok(leaf.into()),
            other => panic!("{other}"),
        });
        let graphs: Vec<String> = prepared.unwrap().workflow.graphs.into_keys().collect();
        assert_eq!(graphs, ["file:nest/leaf.toml", "file:nest/mid.toml"]);
    }

    #[test]
    fn files_of_sub_graphs_become_graphs() {
        let inner = "name = \"inner\"\n[limits]\nsteps = 7\n[[step]]\nid = \"a\"\nkind = \"workflow\"\ngraph = \"deep\"\n\
                     [graph.deep]\n[[graph.deep.step]]\nid = \"x\"\nkind = \"format\"\nvalue = \"1\"\n";
        let outer = "name = \"outer\"\n[[step]]\nid = \"sub\"\nkind = \"workflow\"\nfile = \"inner.toml\"\n";
        let prepared = prepare("outer.toml", outer, &|file| {
            assert_eq!(file, "inner.toml");
            Ok(inner.into())
        })
        .unwrap();
        let names: Vec<&String> = prepared.workflow.graphs.keys().collect();
        assert_eq!(names, ["file:inner.toml", "file:inner.toml/deep"]);
        let Kind::Workflow(sub) = &prepared.workflow.steps[0].kind else { panic!() };
        assert_eq!(sub.limits.unwrap().steps, Some(7));
        // What is recorded needs no file any more.
        let again = prepare("record", &prepared.text, &|file| panic!("{file} is asked for again")).unwrap();
        assert_eq!(again.workflow, prepared.workflow);
        let own = outer.replace("inner.toml", "own.toml");
        let error = prepare("own.toml", &own, &|_| Ok(own.clone())).unwrap_err().to_string();
        assert!(error.contains("own.toml runs itself"), "{error}");
        let error = prepare("x.toml", "name = 1", &|_| unreachable!()).unwrap_err().to_string();
        assert!(error.contains("x.toml is no workflow") && error.contains("line 1"), "{error}");
    }
}
