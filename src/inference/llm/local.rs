//! A GGUF model in this process: messages in, text out, token by token; knows nothing of networks or documents.

use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::Path;

use candle_core::Device;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Content;
use candle_transformers::generation::{LogitsProcessor, Sampling};

use super::chat::Chat;
use super::llama::Llama;
use super::text::TextStream;
use super::{Finish, GenerateRequest, Generated, LanguageModel, LlmSettings};
use crate::error::{Error, Result};
use crate::inference::cache;
use crate::inference::manifest::{Manifest, ModelKind};

/// A language model that runs in this process.
pub struct LocalModel {
    name: String,
    chat: Chat,
    network: Llama,
    context: usize,
}

impl LocalModel {
    /// Loads the model of `manifest` from this machine's cache, its bytes checked.
    ///
    /// # Errors
    /// [`Error::ModelMissing`] with the command that fetches it, [`Error::ModelDamaged`], [`Error::ModelManifest`] when it is
    /// no language model; [`Error::Tokenizer`] and [`Error::Tensor`] when the file is of a kind not known here.
    pub fn open(manifest: &Manifest, settings: &LlmSettings, device: &Device) -> Result<Self> {
        if manifest.kind != ModelKind::Llm {
            let reason = format!("it is an {}, not a language model", manifest.kind.name());
            return Err(Error::ModelManifest { name: manifest.name.clone(), reason });
        }
        let path = cache::open(manifest)?.with_suffix(".gguf")?;
        let context = settings.context_tokens_max.min(manifest.tokens_max);
        Self::read(&manifest.name, &path, context, device, GgmlDType::Q8_0)
    }

    /// Loads a GGUF file; conversations and their answers may have `context` tokens, if the model was made for so many.
    fn read(name: &str, path: &Path, context: usize, device: &Device, pack: GgmlDType) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let content = Content::read(&mut reader).map_err(Error::tensor("read the header of the GGUF file"))?;
        let chat = Chat::read(&content)?;
        let network = Llama::read(&content, &mut reader, device, context, pack)
            .map_err(Error::tensor("load the weights of the language model"))?;
        let context = context.min(network.shape().context);
        Ok(Self { name: name.to_owned(), chat, network, context })
    }

    /// Number of tokens of a conversation, as the model reads it.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the model's template refuses the conversation.
    pub fn count(&self, messages: &[super::Message]) -> Result<usize> {
        Ok(self.chat.encode(messages)?.len())
    }
}

impl LanguageModel for LocalModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn generate(
        &self,
        request: &GenerateRequest,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated> {
        let failed = || Error::tensor("run the language model");
        let prompt = self.chat.encode(&request.messages)?;
        if prompt.len() >= self.context {
            let what = format!("a conversation of {} tokens and its answer", prompt.len());
            return Err(Error::Limit { what, setting: "llm.context_tokens_max", limit: self.context as u64 });
        }
        let room = request.tokens_max.min(self.context - prompt.len());
        let mut memory = self.network.memory(prompt.len() + room);
        let mut choice = LogitsProcessor::from_sampling(request.seed, sampling(request.temperature));
        let mut stream = TextStream::new(&request.stop);
        let mut answer = Generated {
            text: String::new(),
            input_tokens: prompt.len() as u64,
            output_tokens: 0,
            finish: Finish::Length,
            model: self.name.clone(),
            tool_calls: vec![],
        };
        if room == 0 {
            return Ok(answer);
        }
        let mut next =
            self.network.forward(&prompt, &mut memory, &mut || on_text("").is_continue()).map_err(failed())?;
        loop {
            let Some(scores) = next else {
                answer.finish = Finish::Cancelled;
                break;
            };
            let id = choice.sample(&scores).map_err(failed())?;
            answer.output_tokens += 1;
            if self.chat.ends(id) {
                answer.finish = Finish::Stop;
                break;
            }
            let text = stream.push(self.chat.bytes(id));
            answer.text.push_str(&text);
            if on_text(&text).is_break() {
                answer.finish = Finish::Cancelled;
                break;
            }
            if stream.stopped() {
                answer.finish = Finish::Stop;
                break;
            }
            if answer.output_tokens as usize >= room {
                break;
            }
            next = self.network.forward(&[id], &mut memory, &mut || true).map_err(failed())?;
        }
        if answer.finish != Finish::Cancelled {
            let rest = stream.finish();
            if !rest.is_empty() {
                answer.text.push_str(&rest);
                // Nothing more would come anyway.
                let _ = on_text(&rest);
            }
        }
        Ok(answer)
    }
}

fn sampling(temperature: f64) -> Sampling {
    if temperature > 0.0 { Sampling::All { temperature } } else { Sampling::ArgMax }
}

#[cfg(test)]
mod tests;
