//! What the steps of a run use, opened when it is first needed: collections, models by role, tools, the embedder.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::journal::{Journal, cache_key};
use super::models::{BreakerSettings, ModelRoles};
use crate::ask::AskSettings;
use crate::check::CheckSettings;
use crate::chunk::ChunkSettings;
use crate::collections::{CollectionSettings, Collections};
use crate::error::Result;
use crate::inference::cross_encoder::Readers;
use crate::inference::embedder::{EmbedSettings, Embedder, Role};
use crate::inference::llm::LlmSettings;
use crate::inference::manifest::{self, Manifest};
use crate::ingest::ReadSettings;
use crate::ingest::isolated::Reader;
use crate::ingest::walk::WalkSettings;
use crate::retrieve::RetrieveSettings;
use crate::services::OpenSettings;
use crate::store::StoreSettings;
use crate::tools::calculator::Calculator;
use crate::tools::figures::Figures;
use crate::tools::search::Search;
use crate::tools::spelling::Spelling;
use crate::tools::{ToolSettings, Tools};
use crate::vector::dot;

/// Example texts whose vectors are kept; past it all are dropped and made again.
const EXAMPLES_MAX: usize = 10_000;

/// All that the steps of workflows can be set.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// The data folder and how indexes in it are opened.
    pub opening: OpenSettings,
    /// Searching.
    pub retrieve: RetrieveSettings,
    /// Collections that lie elsewhere.
    pub collections: BTreeMap<String, CollectionSettings>,
    /// Walking folders.
    pub walk: WalkSettings,
    /// Reading files.
    pub read: ReadSettings,
    /// Drafting and checking answers.
    pub ask: AskSettings,
    /// Checking claims.
    pub check: CheckSettings,
    /// The model where none is named.
    pub llm: LlmSettings,
    /// Models by role.
    pub models: BTreeMap<String, LlmSettings>,
    /// When a model server is left alone.
    pub breaker: BreakerSettings,
    /// What tools may take.
    pub tools: ToolSettings,
    /// Whether no socket may be opened to anything but a local address.
    pub offline: bool,
    /// Whether steps note what they weighed, for evaluations.
    pub explain: bool,
}

impl Default for ServiceSettings {
    /// Every default, and no data folder.
    fn default() -> Self {
        Self {
            opening: OpenSettings {
                home: PathBuf::new(),
                lock_wait_s: 0.0,
                embed: EmbedSettings::default(),
                chunk: ChunkSettings::default(),
                store: StoreSettings::default(),
            },
            retrieve: RetrieveSettings::default(),
            collections: BTreeMap::new(),
            walk: WalkSettings::default(),
            read: ReadSettings::default(),
            ask: AskSettings::default(),
            check: CheckSettings::default(),
            llm: LlmSettings::default(),
            models: BTreeMap::new(),
            breaker: BreakerSettings::default(),
            tools: ToolSettings::default(),
            offline: false,
            explain: false,
        }
    }
}

/// Vectors are kept by model, revision, role and text; never the text itself.
fn vector_key(embedder: &Embedder, text: &str) -> [u8; 32] {
    let manifest = embedder.manifest();
    cache_key(&[b"vector", manifest.name.as_bytes(), manifest.revision.as_bytes(), b"query", text.as_bytes()])
}

/// The parts that steps use. The default has every default and no data folder, for graphs that need nothing outside.
#[derive(Debug)]
pub struct Services {
    settings: ServiceSettings,
    collections: Arc<Collections>,
    models: ModelRoles,
    tools: Tools,
    reader: Reader,
    /// What reads pairs of texts, once it was needed.
    readers: Mutex<Option<Arc<Readers>>>,
    /// Vectors of texts that others are compared with again and again.
    examples: Mutex<HashMap<String, Arc<Vec<f32>>>>,
    /// Where they outlive the process.
    kept: OnceLock<Arc<Journal>>,
    /// What is known of the embedding model, once it was needed.
    manifest: OnceLock<Option<Manifest>>,
}

impl Default for Services {
    fn default() -> Self {
        Self::new(ServiceSettings::default())
    }
}

impl Services {
    /// The parts that `settings` name, with the tools `calculator`, `figures`, `search` and `spelling`. Opens nothing yet.
    #[must_use]
    pub fn new(settings: ServiceSettings) -> Self {
        let opening = settings.opening.clone();
        let device = opening.embed.device;
        let collections = Arc::new(Collections::new(opening, settings.retrieve.clone(), settings.collections.clone()));
        let models = ModelRoles::new(&settings.models, &settings.llm, settings.breaker, device, settings.offline);
        let mut tools = Tools::new(settings.tools.clone());
        tools.add(Arc::new(Calculator));
        tools.add(Arc::new(Figures::new(Arc::clone(&collections))));
        tools.add(Arc::new(Search::new(Arc::clone(&collections))));
        tools.add(Arc::new(Spelling::new(Arc::clone(&collections))));
        let reader = Reader::new(settings.read.clone());
        Self {
            settings,
            collections,
            models,
            tools,
            reader,
            readers: Mutex::default(),
            examples: Mutex::default(),
            manifest: OnceLock::new(),
            kept: OnceLock::new(),
        }
    }

    /// Keeps vectors of examples in this record from now on; the first one that is named stays.
    pub(super) fn keep_vectors_in(&self, journal: &Arc<Journal>) {
        self.kept.get_or_init(|| Arc::clone(journal));
    }

    /// A vector that was made before, by model and text.
    fn known_vector(&self, embedder: &Embedder, text: &str) -> Option<Vec<f32>> {
        let bytes = self.kept.get()?.cached(&vector_key(embedder, text)).ok()??;
        let (values, rest) = bytes.as_chunks::<4>();
        let is_whole = rest.is_empty() && values.len() == embedder.dimensions();
        is_whole.then(|| values.iter().map(|value| f32::from_le_bytes(*value)).collect())
    }

    /// One that cannot be kept is made again the next time.
    fn keep_vector(&self, embedder: &Embedder, text: &str, vector: &[f32]) {
        if let Some(journal) = self.kept.get() {
            let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
            let at = jiff::Timestamp::now().to_string();
            let key = vector_key(embedder, text);
            if let Err(error) = journal.keep(&key, "vector", &embedder.manifest().name, &bytes, &at) {
                tracing::warn!("a vector was not kept: {error}");
            }
        }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &ServiceSettings {
        &self.settings
    }

    /// The collections.
    #[must_use]
    pub fn collections(&self) -> &Collections {
        &self.collections
    }

    /// The models.
    #[must_use]
    pub fn models(&self) -> &ModelRoles {
        &self.models
    }

    /// What reads documents.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The tools.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// The tools, to add one.
    pub fn tools_mut(&mut self) -> &mut Tools {
        &mut self.tools
    }

    /// The name of the embedding model, which need not be open.
    #[must_use]
    pub fn embedder_name(&self) -> &str {
        &self.settings.opening.embed.model
    }

    /// What is known of the embedding model, which need not be open; `None` for one that is not there.
    #[must_use]
    pub fn embedder_manifest(&self) -> Option<&Manifest> {
        self.manifest.get_or_init(|| manifest::find(self.embedder_name(), None).ok()).as_ref()
    }

    /// What reads claims beside evidence, and questions beside passages.
    ///
    /// # Errors
    /// As [`Readers::open`].
    pub fn readers(&self) -> Result<Arc<Readers>> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(readers) = &*readers {
            return Ok(Arc::clone(readers));
        }
        let opened = Arc::new(Readers::open(&self.settings.check.readers(), &self.settings.opening.embed)?);
        *readers = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Runs `work` with the embedder, the one of all collections.
    ///
    /// # Errors
    /// What opening it reports; what `work` reports.
    pub fn with_embedder<T>(&self, work: impl FnOnce(&Embedder) -> Result<T>) -> Result<T> {
        work(&*self.collections.embedder()?)
    }

    /// The cosine of `text` with each of `examples`, -1 to 1, in their order. Vectors of examples are kept, by model and text.
    ///
    /// # Errors
    /// As [`Self::with_embedder`].
    pub fn similarities(&self, text: &str, examples: &[&str]) -> Result<Vec<f32>> {
        let kept = |examples: &[&str]| -> Vec<Option<Arc<Vec<f32>>>> {
            let vectors = self.examples.lock().unwrap_or_else(PoisonError::into_inner);
            examples.iter().map(|example| vectors.get(*example).cloned()).collect()
        };
        self.with_embedder(|embedder| {
            let mut found = kept(examples);
            for (at, found) in found.iter_mut().enumerate().filter(|(_, found)| found.is_none()) {
                *found = self.known_vector(embedder, examples[at]).map(Arc::new);
            }
            let missing: Vec<usize> = (0..examples.len()).filter(|at| found[*at].is_none()).collect();
            let texts: Vec<&str> = std::iter::once(text).chain(missing.iter().map(|at| examples[*at])).collect();
            let mut vectors = embedder.embed(&texts, Role::Query)?.vectors.into_iter();
            let own = vectors.next().unwrap_or_default();
            let mut examples_kept = self.examples.lock().unwrap_or_else(PoisonError::into_inner);
            if examples_kept.len() + missing.len() > EXAMPLES_MAX {
                examples_kept.clear();
            }
            for (at, vector) in missing.into_iter().zip(vectors) {
                self.keep_vector(embedder, examples[at], &vector);
                let vector = Arc::new(vector);
                examples_kept.insert(examples[at].to_string(), Arc::clone(&vector));
                found[at] = Some(vector);
            }
            Ok(found.into_iter().map(|vector| vector.map_or(0.0, |vector| dot(&own, &vector))).collect())
        })
    }
}
