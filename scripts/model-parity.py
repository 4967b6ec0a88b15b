"""Writes the fixtures that the encoders are compared with: model-parity.py OUT [TEXTS.json [CLASSIFIERS.json]]

Each fixture is a tiny configuration, the names and shapes of its tensors, and the last hidden states that the reference gives for
a few texts. The weights themselves are not stored: a formula that the tests know too fills each tensor from its name (see `fill`).
References are Hugging Face transformers and model2vec; where transformers has no such architecture, a forward pass in plain torch
below, as its fixture says. TEXTS.json gets, for some of the models, a small tokenizer and the vectors that the same references
give for texts: tokenized by Hugging Face tokenizers, cut, framed, pooled, scaled. CLASSIFIERS.json gets tiny sequence classifiers, each
with a tokenizer and what transformers gives for pairs of evidence and claim. Needs torch, transformers, safetensors, model2vec.
"""
import json
import math
import pathlib
import sys
import tempfile

import numpy as np
import torch
import transformers
from safetensors import safe_open
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

WORDS = 120
MASK = (1 << 64) - 1


def fill(name, shape, center, scale):
    """center + scale * u, where u in [-1, 1) are the top 24 bits of SplitMix64 seeded with the FNV-1a hash of the name."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & MASK
    with np.errstate(over="ignore"):
        steps = np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
        z = np.uint64(seed) + steps * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = (z >> np.uint64(40)).astype(np.float64) / float(1 << 23) - 1.0
    return (center + scale * u).astype(np.float32).reshape(shape)


def spread(name, shape):
    """The center and scale of a tensor: norms near 1, products that keep the size of what enters."""
    if "norm" in name.lower() or "_ln" in name:
        return (1.0, 0.3) if name.endswith("weight") else (0.0, 0.3)
    if len(shape) == 1:
        return 0.0, 0.3
    if "embeddings" in name or "embed" in name:
        return 0.0, 1.0
    return 0.0, round(1.6 * math.sqrt(3.0 / shape[1]), 4)


def tensors_of(shapes):
    return [[name, list(shape), *spread(name, shape)] for name, shape in sorted(shapes.items())]


def texts(lengths, first=3):
    """Ids of texts of these lengths, the same at every run; `first` is the lowest."""
    random = np.random.default_rng(7)
    return [random.integers(first, WORDS, length).tolist() for length in lengths]


def rows_of(length):
    return list(range(length)) if length <= 9 else sorted({0, 1, length // 2, length - 2, length - 1})


TEXTS = [
    "",
    "interest cover",
    "The Borrower shall maintain a ratio of 3.5 : 1, tested each quarter!",
    "unbekannt \u6f22\u5b57 caf\u00e9 na\u00efve",
    "the interest ratio of the borrower and the ratio of interest to cover " * 12,
]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,:!-"
COMMON = ["the", "of", "to", "and", "interest", "cover", "ratio", "borrower", "shall", "maintain", "test", "quarter", "query", "search"]


def numbered(pieces):
    """Pieces with ids, with as many more that no text has as make the vocabulary whole."""
    pieces = list(dict.fromkeys(pieces))
    assert len(pieces) <= WORDS, len(pieces)
    pieces += [f"[unused{n}]" for n in range(WORDS - len(pieces))]
    return {piece: n for n, piece in enumerate(pieces)}


def framed(start, end, vocabulary):
    """The post-processor that puts `start` and `end` around a text."""
    single = " ".join([*start, "$A", *end])
    return processors.TemplateProcessing(single=single, special_tokens=[(t, vocabulary[t]) for t in dict.fromkeys(start + end)])


def word_piece():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = numbered([*special, *LETTERS, *(f"##{letter}" for letter in LETTERS[:36]), *COMMON])
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor, tokenizer.decoder = framed(["[CLS]"], ["[SEP]"], vocabulary), decoders.WordPiece()
    return tokenizer


def unigram():
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    vocabulary = numbered([*special, "\u2581", *LETTERS, *(f"\u2581{word}" for word in COMMON), "est", "er", "in", "an"])
    scores = [(piece, 0.0 if n < 4 else -8.0 if len(piece) == 1 else -4.0) for piece, n in vocabulary.items()]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    spaces = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), spaces])
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor, tokenizer.decoder = framed(["<s>"], ["</s>"], vocabulary), decoders.Metaspace()
    return tokenizer


def byte_level(start, end):
    space, line = "\u0120", "\u010a"
    merges = [("t", "h"), ("th", "e"), ("i", "n"), ("e", "r"), ("a", "t"), (space, "the"), (space, "in"), ("o", "f"), (space, "of"), (":", "w")]
    letters = [*LETTERS, *"TBQI", space, line, *"\u00c3\u00a9\u00af\u00e6\u00bc\u00a2\u00e5\u0143\u0139"]
    vocabulary = numbered([*dict.fromkeys(start + end), *letters, *(a + b for a, b in merges)])
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in dict.fromkeys(start + end)])
    trimmed = processors.ByteLevel(trim_offsets=False)
    tokenizer.post_processor = processors.Sequence([trimmed, framed(start, end, vocabulary)])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


# Tokenizer, pooling, longest input, what stands before queries and passages, the width to cut to and whether its mean goes first.
TEXT_MODELS = {
    "bert-gelu": (word_piece, "cls", 20, "Represent this query: ", "", None, False),
    "bert-relu": (word_piece, "mean", 20, "", "", None, False),
    "xlm-roberta": (unigram, "mean", 24, "query: ", "search: ", None, False),
    "jina-bert": (word_piece, "mean", 40, "", "", None, False),
    "nomic-bert": (word_piece, "mean", 50, "search_query: ", "search_document: ", 16, True),
    "modernbert": (lambda: byte_level(["[CLS]"], ["[SEP]"]), "cls", 60, "search_query: ", "", None, False),
    "gte": (unigram, "cls", 30, "", "", None, False),
    "qwen3": (lambda: byte_level([], ["<|endoftext|>"]), "last", 64, "Instruct: test\nQuery:", "", 8, False),
    "static": (word_piece, "mean", 512, "", "", None, False),
}
TEXT_VECTORS = {}


def vectors_of_texts(name, hidden):
    make, pooling, tokens_max, query_prefix, passage_prefix, width, center = TEXT_MODELS[name]
    tokenizer = make()
    written = json.loads(tokenizer.to_str())
    tokenizer.enable_truncation(tokens_max)
    unknown = tokenizer.token_to_id("[UNK]")

    def vector(text):
        ids = tokenizer.encode(text, add_special_tokens=name != "static").ids
        if name == "static":
            ids = [word for word in ids if word != unknown]
        if not ids:
            return ids, [0.0] * 32
        states = np.asarray(hidden(ids), dtype=np.float64)
        pooled = {"mean": states.mean(axis=0), "cls": states[0], "last": states[-1]}[pooling]
        if center:
            pooled = torch.nn.functional.layer_norm(torch.from_numpy(pooled), pooled.shape, eps=0.0).numpy()
        pooled = pooled[:width]
        return ids, [round(float(v), 6) for v in pooled / np.linalg.norm(pooled)]

    cases = []
    for text in TEXTS:
        for role, prefix in (("query", query_prefix), ("passage", passage_prefix)):
            ids, pooled = vector(prefix + text)
            cases.append({"text": text, "role": role, "ids": ids, "vector": pooled})
    return {"tokenizer": written, "pooling": pooling, "tokens_max": tokens_max, "query_prefix": query_prefix,
            "passage_prefix": passage_prefix, "width": width, "center": center, "cases": cases}


def write(out, name, reference, config, tensors, ids, hidden):
    """`hidden` gives the last hidden states of one text, `[tokens, hidden]`."""
    cases = []
    for text in ids:
        states = hidden(text)
        rows = rows_of(len(text))
        cases.append({"ids": text, "rows": rows, "hidden": [[round(float(v), 6) for v in states[row]] for row in rows]})
    fixture = {"reference": reference, "config": config, "tensors": tensors, "cases": cases}
    lines = json.dumps(fixture, separators=(",", ":"))
    for begin in ('"tensors":', '"cases":', '{"ids":', '"rows":', '"config":'):
        lines = lines.replace(begin, "\n" + begin)
    (out / f"{name}.json").write_text(lines + "\n", encoding="utf-8")
    if name in TEXT_MODELS:
        TEXT_VECTORS[name] = vectors_of_texts(name, hidden)
    print(f"{name}: {len(tensors)} tensors, {sum(map(len, ids))} tokens, {reference}")


def of_transformers(out, name, config, written, lengths=(1, 5, 5, 9), first=3, prepare=lambda model: None):
    """A fixture of the transformers model of `config`; `written` is the config.json as published models have it."""
    cls = transformers.MODEL_MAPPING[type(config)]
    config._attn_implementation = "eager"
    options = {"add_pooling_layer": False} if "add_pooling_layer" in cls.__init__.__code__.co_varnames else {}
    with tempfile.TemporaryDirectory() as folder:
        # Saved and read again, so that tensors have the names of published files.
        cls(config, **options).save_pretrained(folder)
        path = pathlib.Path(folder) / "model.safetensors"
        with safe_open(path, "numpy") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}
        tensors = tensors_of(shapes)
        save_file({key: fill(key, *rest) for key, *rest in tensors}, path, metadata={"format": "pt"})
        model, info = cls.from_pretrained(folder, config=config, output_loading_info=True, **options)
        assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
        model.set_attn_implementation("eager")
    model.eval()
    prepare(model)

    def hidden(ids):
        with torch.no_grad():
            return model(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy()

    reference = f"transformers {transformers.__version__} {cls.__name__}"
    write(out, name, reference, written, tensors, texts(lengths, first), hidden)


def bert(out):
    for act in ("gelu", "gelu_new", "relu", "silu"):
        config = transformers.BertConfig(vocab_size=WORDS, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                                         intermediate_size=48, max_position_embeddings=24, hidden_act=act)
        written = {"model_type": "bert", "architectures": ["BertModel"], "vocab_size": WORDS, "hidden_size": 32, "num_hidden_layers": 2,
                   "num_attention_heads": 4, "intermediate_size": 48, "max_position_embeddings": 24, "hidden_act": act,
                   "type_vocab_size": 2, "layer_norm_eps": 1e-12, "position_embedding_type": "absolute", "pad_token_id": 0}
        lengths = (1, 5, 5, 9) if act == "gelu" else (6,)
        of_transformers(out, f"bert-{act}", config, written, lengths)


def roberta(out):
    for kind, cls, arch in (("roberta", transformers.RobertaConfig, "RobertaModel"),
                            ("xlm-roberta", transformers.XLMRobertaConfig, "XLMRobertaModel")):
        values = {"vocab_size": WORDS, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
                  "max_position_embeddings": 26, "hidden_act": "gelu", "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1}
        written = {"model_type": kind, "architectures": [arch], **values, "position_embedding_type": "absolute"}
        of_transformers(out, kind, cls(**values), written)


def nomic(out):
    config = transformers.NomicBertConfig(vocab_size=WORDS, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                                          intermediate_size=48, max_position_embeddings=64, hidden_act="silu", layer_norm_eps=1e-12,
                                          rope_parameters={"rope_type": "default", "rope_theta": 1000.0})
    written = {"model_type": "nomic_bert", "architectures": ["NomicBertModel"], "vocab_size": WORDS, "n_embd": 32, "n_layer": 2,
               "n_head": 4, "n_inner": 48, "n_positions": 64, "type_vocab_size": 2, "layer_norm_epsilon": 1e-12,
               "activation_function": "swiglu", "prenorm": False, "causal": False, "parallel_block": False, "qkv_proj_bias": False,
               "mlp_fc1_bias": False, "mlp_fc2_bias": False, "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0,
               "rotary_emb_interleaved": False, "rotary_emb_scale_base": None, "rotary_scaling_factor": None, "use_rms_norm": False}
    of_transformers(out, "nomic-bert", config, written, lengths=(1, 5, 5, 40))


def modernbert(out):
    values = {"vocab_size": WORDS, "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 48,
              "max_position_embeddings": 256, "hidden_activation": "gelu", "norm_eps": 1e-5, "norm_bias": False,
              "attention_bias": False, "mlp_bias": False, "local_attention": 8}
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
    written = {"model_type": "modernbert", "architectures": ["ModernBertModel"], **values, "global_attn_every_n_layers": 3,
               "global_rope_theta": 160000.0, "local_rope_theta": 10000.0}
    of_transformers(out, "modernbert", transformers.ModernBertConfig(**values, **ids), written, lengths=(1, 5, 5, 150))
    newer = {"layer_types": ["full_attention", "sliding_attention", "full_attention", "sliding_attention"],
             "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 5000.0},
                                 "sliding_attention": {"rope_type": "default", "rope_theta": 100.0}}}
    values |= {"norm_bias": True, "attention_bias": True, "mlp_bias": True}
    written = {"model_type": "modernbert", "architectures": ["ModernBertModel"], **values, **newer}
    of_transformers(out, "modernbert-newer", transformers.ModernBertConfig(**values, **newer, **ids), written, lengths=(9, 30))


def qwen3(out):
    values = {"vocab_size": WORDS, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
              "head_dim": 16, "intermediate_size": 48, "max_position_embeddings": 64, "hidden_act": "silu", "rms_norm_eps": 1e-6,
              "attention_bias": False}
    config = transformers.Qwen3Config(**values, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0})
    written = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], **values, "rope_scaling": None, "rope_theta": 1000000,
               "sliding_window": None, "use_sliding_window": False, "tie_word_embeddings": True}
    of_transformers(out, "qwen3", config, written, lengths=(1, 5, 5, 40))


def gte(out):
    values = {"vocab_size": WORDS, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
              "max_position_embeddings": 64, "hidden_act": "gelu", "layer_norm_eps": 1e-12}
    more = {"position_embedding_type": "rope", "layer_norm_type": "layer_norm", "logn_attention_scale": False, "pack_qkv": True}
    for name, types, theta, factor in (("gte", 1, 20000.0, None), ("gte-ntk", 0, 500000.0, 2.0)):
        config = transformers.GteConfig(**values, type_vocab_size=types, rope_parameters={"rope_type": "default", "rope_theta": theta})

        def prepare(model, theta=theta, factor=factor):
            # transformers does not know the fixed NTK rule of the published code; its frequencies are set here.
            if factor:
                head = 8
                base = 1.0 / ((theta * factor) ** (torch.arange(0, head, 2).float() / head))
                model.rotary_emb.inv_freq.copy_(base / factor ** (2 / head))

        scaling = {"type": "ntk", "factor": factor} if factor else None
        written = {"model_type": "new", "architectures": ["NewModel"], **values, **more, "type_vocab_size": types, "rope_theta": theta,
                   "rope_scaling": scaling}
        of_transformers(out, name, config, written, lengths=(1, 5, 5, 40) if types else (6, 40), prepare=prepare)


def jina(out):
    """transformers has no JinaBERT: this is its published forward pass in plain torch."""
    hidden, heads, inner, layers, eps = 48, 6, 64, 2, 1e-12
    head = hidden // heads
    shapes = {"embeddings.word_embeddings.weight": (WORDS, hidden), "embeddings.token_type_embeddings.weight": (2, hidden),
              "embeddings.LayerNorm.weight": (hidden,), "embeddings.LayerNorm.bias": (hidden,)}
    for layer in range(layers):
        at = f"encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes[f"{at}.attention.{part}.weight"] = (hidden, hidden)
            shapes[f"{at}.attention.{part}.bias"] = (hidden,)
        for norm in ("attention.output.LayerNorm", "mlp.layernorm"):
            shapes[f"{at}.{norm}.weight"] = shapes[f"{at}.{norm}.bias"] = (hidden,)
        shapes[f"{at}.mlp.gated_layers.weight"] = (2 * inner, hidden)
        shapes[f"{at}.mlp.wo.weight"], shapes[f"{at}.mlp.wo.bias"] = (hidden, inner), (hidden,)
    tensors = tensors_of(shapes)
    state = {name: torch.from_numpy(fill(name, *rest)) for name, *rest in tensors}

    def slopes(count):
        if math.log2(count).is_integer():
            start = 2 ** (-(2 ** -(math.log2(count) - 3)))
            return [start * start**i for i in range(count)]
        below = 2 ** math.floor(math.log2(count))
        return slopes(below) + slopes(2 * below)[0::2][: count - below]

    def linear(x, name, bias=True):
        return torch.nn.functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"] if bias else None)

    def norm(x, name):
        return torch.nn.functional.layer_norm(x, (hidden,), state[f"{name}.weight"], state[f"{name}.bias"], eps)

    def forward(ids):
        x = state["embeddings.word_embeddings.weight"][ids] + state["embeddings.token_type_embeddings.weight"][0]
        x = norm(x, "embeddings.LayerNorm")
        place = torch.arange(len(ids))
        alibi = -torch.tensor(slopes(heads))[:, None, None] * (place[None, :] - place[:, None]).abs()
        for layer in range(layers):
            at = f"encoder.layer.{layer}"
            q, k, v = (linear(x, f"{at}.attention.self.{p}").view(-1, heads, head).transpose(0, 1) for p in ("query", "key", "value"))
            weights = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(head) + alibi, dim=-1)
            attended = (weights @ v).transpose(0, 1).reshape(-1, hidden)
            x = norm(linear(attended, f"{at}.attention.output.dense") + x, f"{at}.attention.output.LayerNorm")
            wide = linear(x, f"{at}.mlp.gated_layers", bias=False)
            gated = torch.nn.functional.gelu(wide[:, :inner]) * wide[:, inner:]
            x = norm(linear(gated, f"{at}.mlp.wo") + x, f"{at}.mlp.layernorm")
        return x.numpy()

    config = {"model_type": "bert", "architectures": ["JinaBertForMaskedLM"], "vocab_size": WORDS, "hidden_size": hidden,
              "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": inner, "max_position_embeddings": 64,
              "hidden_act": "gelu", "type_vocab_size": 2, "layer_norm_eps": eps, "position_embedding_type": "alibi",
              "feed_forward_type": "geglu", "emb_pooler": "mean", "pad_token_id": 0}
    write(out, "jina-bert", f"plain torch {torch.__version__}", config, tensors, texts((1, 5, 5, 40)), forward)


def static(out):
    import model2vec
    from model2vec import StaticModel
    tokenizer = Tokenizer(models.WordLevel({f"w{i}": i for i in range(WORDS)}, unk_token="w0"))
    for name, rows in (("static", WORDS), ("static-mapped", 40)):
        vectors = ["embeddings", [rows, 32], 0.0, 1.0]
        weights = ["weights", [WORDS], 1.0, 0.5]
        mapping = [(7 * word + 3) % rows for word in range(WORDS)]
        is_mapped = rows != WORDS
        model = StaticModel(fill(*vectors), tokenizer, weights=fill(*weights) if is_mapped else None,
                            token_mapping=np.array(mapping) if is_mapped else None)
        config = {"model_type": "model2vec", "architectures": ["StaticModel"], "hidden_dim": 32, "normalize": True}
        tensors = [vectors, weights] if is_mapped else [vectors]
        if is_mapped:
            config["mapping_of_the_fixture"] = mapping
        write(out, name, f"model2vec {model2vec.__version__} StaticModel", config, tensors, texts((1, 5)), model._encode_helper)


# Claim and evidence; the last evidence is longer than the models read.
PAIRS = [
    ("the borrower shall maintain a ratio", "interest cover of 3.5 : 1, tested each quarter"),
    ("the ratio of interest", "the borrower shall maintain the ratio of interest to cover"),
    ("cover", ""),
    ("of the ratio", "the interest ratio of the borrower and the ratio of interest to cover " * 12),
]


def pair_tokenizer(kind):
    """A tokenizer with the post-processor for pairs that published models of this kind have."""
    if kind == "roberta":
        # The positions of such a model skip its padding, so no token of a text may have the padding's id.
        tokenizer = byte_level(["<s>", "<pad>"], ["</s>"])
        sep, cls = (("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>")))
        tokenizer.post_processor = processors.RobertaProcessing(sep, cls)
        return tokenizer
    tokenizer = word_piece()
    special = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=special)
    return tokenizer


def classifier_configs():
    """Name, kind of tokenizer, tokens that are read, configuration class, values as published files have them."""
    sizes = {"vocab_size": WORDS, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
             "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02}
    three = {"id2label": {"0": "CONTRADICTION", "1": "NEUTRAL", "2": "ENTAILMENT"}}
    two = {"id2label": {"0": "entailment", "1": "not_entailment"}}
    unnamed = {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}
    bert = {"max_position_embeddings": 40, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0}
    roberta = {"max_position_embeddings": 42, "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1}
    deberta = {"max_position_embeddings": 40, "layer_norm_eps": 1e-7, "relative_attention": True, "max_relative_positions": -1,
               "position_buckets": 8, "norm_rel_ebd": "layer_norm", "share_att_key": True, "pos_att_type": "p2c|c2p",
               "position_biased_input": False, "type_vocab_size": 0, "pooler_dropout": 0, "pooler_hidden_act": "gelu",
               "pooler_hidden_size": 32, "pad_token_id": 0}
    return [
        ("bert", "bert", 40, transformers.BertConfig, "BertForSequenceClassification", sizes | bert | three),
        ("roberta", "roberta", 40, transformers.RobertaConfig, "RobertaForSequenceClassification", sizes | roberta | unnamed),
        ("deberta-v3", "bert", 40, transformers.DebertaV2Config, "DebertaV2ForSequenceClassification", sizes | deberta | two),
    ]


def classifiers(path):
    written = {}
    for name, kind, tokens_max, make, architecture, values in classifier_configs():
        labels = {int(index): label for index, label in values["id2label"].items()}
        config = make(**(values | {"id2label": labels, "label2id": {label: index for index, label in labels.items()}}))
        config._attn_implementation = "eager"
        cls = getattr(transformers, architecture)
        with tempfile.TemporaryDirectory() as folder:
            cls(config).save_pretrained(folder)
            file = pathlib.Path(folder) / "model.safetensors"
            with safe_open(file, "numpy") as saved:
                shapes = {key: tuple(saved.get_slice(key).get_shape()) for key in saved.keys()}
            tensors = tensors_of(shapes)
            save_file({key: fill(key, *rest) for key, *rest in tensors}, file, metadata={"format": "pt"})
            model, info = cls.from_pretrained(folder, config=config, output_loading_info=True)
            assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
        model.eval()
        tokenizer = pair_tokenizer(kind)
        description = json.loads(tokenizer.to_str())
        tokenizer.enable_truncation(tokens_max, strategy="only_first")
        cases = []
        for claim, evidence in PAIRS:
            encoded = tokenizer.encode(evidence, claim)
            types = {"token_type_ids": torch.tensor([encoded.type_ids])} if values["type_vocab_size"] > 1 else {}
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([encoded.ids]), **types).logits[0]
            shares = [round(float(share), 6) for share in torch.softmax(logits.double(), dim=0)]
            cases.append({"claim": claim, "evidence": evidence, "ids": encoded.ids, "shares": shares})
        config = {"model_type": config.model_type, "architectures": [architecture], **values}
        written[name] = {"reference": f"transformers {transformers.__version__} {architecture}", "config": config,
                         "tokenizer": description, "tensors": tensors, "cases": cases}
        print(f"{name}: {[case['shares'] for case in cases]}")
    lines = [f"{json.dumps(name)}: {json.dumps(model, separators=(',', ':'))}" for name, model in written.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for family in (bert, roberta, nomic, modernbert, qwen3, gte, jina, static):
        family(out)
    if len(sys.argv) > 2:
        lines = [f"{json.dumps(name)}: {json.dumps(model, separators=(',', ':'))}" for name, model in sorted(TEXT_VECTORS.items())]
        pathlib.Path(sys.argv[2]).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    if len(sys.argv) > 3:
        classifiers(pathlib.Path(sys.argv[3]))


if __name__ == "__main__":
    main()
