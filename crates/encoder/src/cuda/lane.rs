//! One batch after another through one device, on a stream with memory of its own; knows nothing of other lanes.
//!
//! Two lanes share a device: while one's batch computes, the other's is laid out, copied there and copied back, each by way
//! of page-locked memory. What is launched for a bucket is recorded the second time and replayed from then on.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use candle_core::cuda_backend::cudarc::cublas::{CudaBlas, result as blas_result, sys as blas_sys};
use candle_core::cuda_backend::cudarc::driver::sys::{
    CUevent_flags, CUgraphInstantiate_flags, CUresult, CUstreamCaptureMode,
};
use candle_core::cuda_backend::cudarc::driver::{
    CudaContext, CudaEvent, CudaFunction, CudaGraph, CudaModule, CudaSlice, CudaStream, DevicePtr, DriverError,
    LaunchConfig, PinnedHostSlice, PushKernelArg,
};

use super::half::Half;
use super::pass::{Address, Argument, Kernel, Machine, Memory, Pass, Product, wide_width};
use super::plan::{Bucket, Failure, describe};
use super::queue::{Job, Runner};
use super::stats::Counters;
use super::weights::{Packed, Places, Shape};
use super::{Output, Pooling, Wanted};

/// What cuBLAS may use beside its operands: the size that its manual recommends for Hopper. Given to it once, because
/// memory must not be taken while a graph is recorded.
const WORKSPACE_BYTES: usize = 32 << 20;

/// A driver or cuBLAS call that failed.
#[derive(Debug, Clone, Copy)]
pub(super) enum CallError {
    Driver(DriverError),
    Blas(blas_result::CublasError),
}

impl From<DriverError> for CallError {
    fn from(error: DriverError) -> Self {
        Self::Driver(error)
    }
}

impl From<blas_result::CublasError> for CallError {
    fn from(error: blas_result::CublasError) -> Self {
        Self::Blas(error)
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Driver(error) => match error.error_string() {
                Ok(words) => write!(f, "the CUDA driver says: {}", words.to_string_lossy()),
                Err(_) => write!(f, "the CUDA driver says: {:?}", error.0),
            },
            Self::Blas(error) => write!(f, "cuBLAS says: {:?}", error.0),
        }
    }
}

impl From<CallError> for Failure<CallError> {
    fn from(error: CallError) -> Self {
        let is_memory = match error {
            CallError::Driver(error) => error.0 == CUresult::CUDA_ERROR_OUT_OF_MEMORY,
            CallError::Blas(error) => error.0 == blas_sys::cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED,
        };
        if is_memory { Self::Memory(error) } else { Self::Other(error) }
    }
}

impl From<DriverError> for Failure<CallError> {
    fn from(error: DriverError) -> Self {
        CallError::from(error).into()
    }
}

/// Weights and kernels on one device, which its lanes share.
pub(super) struct Loaded {
    context: Arc<CudaContext>,
    module: Arc<CudaModule>,
    shape: Shape,
    places: Places,
    halves: CudaSlice<u16>,
    floats: CudaSlice<f32>,
}

impl Loaded {
    /// Copies the weights to device `ordinal` and compiles the kernels there.
    pub(super) fn new(ordinal: usize, packed: &Packed, ptx: &str, counters: &Counters) -> Result<Self, CallError> {
        let context = CudaContext::new(ordinal)?;
        #[expect(unsafe_code, reason = "cudarc's tracking would wait for events inside a recorded graph")]
        // SAFETY: nothing is written on two streams: weights are copied below and then only read, all else belongs to a
        // lane, which uses one stream, waits for it after every batch, and frees its memory on it.
        unsafe {
            context.disable_event_tracking();
        }
        let stream = context.new_stream()?;
        let halves = stream.clone_htod(&packed.halves)?;
        let floats = stream.clone_htod(&packed.floats)?;
        stream.synchronize()?;
        counters.add_memory(halves.num_bytes() + floats.num_bytes());
        let module = context.load_module(ptx.into())?;
        Ok(Self { context, module, shape: packed.shape, places: packed.places.clone(), halves, floats })
    }
}

/// Memory for batches up to a bucket, on the device and page-locked on this side.
struct Room {
    bucket: Bucket,
    description: CudaSlice<i32>,
    /// `x`, `attended`, `added` and `wide`, one after the other.
    activations: CudaSlice<u16>,
    pooled: CudaSlice<f32>,
    sent: PinnedHostSlice<i32>,
    vectors: PinnedHostSlice<f32>,
    /// Only where token vectors were ever wanted.
    tokens: Option<PinnedHostSlice<u16>>,
    bytes: usize,
}

/// How often a bucket was launched.
enum Recorded {
    Once,
    Graph(CudaGraph),
    /// The driver would not record it.
    Never,
}

/// A stream with its memory.
pub(super) struct Lane {
    loaded: Arc<Loaded>,
    launcher: Launcher,
    pooling: Pooling,
    room: Option<Room>,
    graphs: HashMap<(Bucket, Wanted), Recorded>,
    /// Before the copy there, after it, after the kernels, after the copy back.
    events: [CudaEvent; 4],
    counters: Arc<Counters>,
}

/// What starts kernels and products on the lane's stream.
struct Launcher {
    stream: Arc<CudaStream>,
    blas: CudaBlas,
    functions: HashMap<Kernel, CudaFunction>,
    half: Half,
    /// Held for as long as cuBLAS uses it.
    _workspace: CudaSlice<u8>,
}

impl Launcher {
    fn new(loaded: &Loaded) -> Result<Self, CallError> {
        let stream = loaded.context.new_stream()?;
        let half = loaded.shape.half;
        let functions = Kernel::all(loaded.shape.head())
            .into_iter()
            .map(|kernel| Ok((kernel, loaded.module.load_function(&kernel.name(half))?)))
            .collect::<Result<_, DriverError>>()?;
        let workspace = stream.alloc_zeros::<u8>(WORKSPACE_BYTES)?;
        stream.synchronize()?;
        let blas = CudaBlas::new(stream.clone())?;
        let address = workspace.device_ptr(&stream).0;
        let sums = blas_sys::cublasMath_t::CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
        #[expect(unsafe_code, reason = "cudarc has no safe calls for these")]
        // SAFETY: the workspace is of this size and lives as long as the handle, beside it.
        unsafe {
            blas_sys::cublasSetWorkspace_v2(*blas.handle(), address as *mut _, WORKSPACE_BYTES).result()?;
            // Sums of parts of a product stay f32, too.
            blas_sys::cublasSetMathMode(*blas.handle(), sums).result()?;
        }
        Ok(Self { stream, blas, functions, half, _workspace: workspace })
    }
}

impl Machine for Launcher {
    type Error = CallError;

    fn launch(
        &self,
        kernel: Kernel,
        grid: (usize, usize),
        threads: usize,
        arguments: &[Argument],
    ) -> Result<(), CallError> {
        let mut builder = self.stream.launch_builder(&self.functions[&kernel]);
        for argument in arguments {
            match argument {
                Argument::Address(value) => builder.arg(value),
                Argument::Int(value) => builder.arg(value),
                Argument::Float(value) => builder.arg(value),
            };
        }
        let config = LaunchConfig {
            grid_dim: (grid.0 as u32, grid.1 as u32, 1),
            block_dim: (threads as u32, 1, 1),
            shared_mem_bytes: 0,
        };
        #[expect(unsafe_code, reason = "a kernel reads and writes where its arguments say")]
        // SAFETY: the same pass launches the same kernels on the CPU in tests, with guards around what they may touch; the
        // addresses are of memory that the lane holds until its stream has ended.
        unsafe { builder.launch(config) }?;
        Ok(())
    }

    fn product(&self, product: Product) -> Result<(), CallError> {
        let Product { out, x, weight, rows, inputs, outputs } = product;
        let kind = match self.half {
            Half::F16 => blas_sys::cudaDataType::CUDA_R_16F,
            Half::Bf16 => blas_sys::cudaDataType::CUDA_R_16BF,
        };
        let (one, zero) = (1.0_f32, 0.0_f32);
        let (rows, inputs, outputs) = (rows as i32, inputs as i32, outputs as i32);
        #[expect(unsafe_code, reason = "cuBLAS reads and writes where its arguments say")]
        // SAFETY: as for kernels. Column-major, as cuBLAS sees it, this is out = weightᵀ · x with out [outputs, rows].
        unsafe {
            blas_result::gemm_ex(
                *self.blas.handle(),
                blas_sys::cublasOperation_t::CUBLAS_OP_T,
                blas_sys::cublasOperation_t::CUBLAS_OP_N,
                outputs,
                rows,
                inputs,
                std::ptr::from_ref(&one).cast(),
                weight as *const _,
                kind,
                inputs,
                x as *const _,
                kind,
                inputs,
                std::ptr::from_ref(&zero).cast(),
                out as *mut _,
                kind,
                outputs,
                blas_sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
                blas_sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT_TENSOR_OP,
            )
        }?;
        Ok(())
    }
}

impl Room {
    fn new(lane: &Lane, bucket: Bucket) -> Result<Self, CallError> {
        let (stream, shape) = (&lane.launcher.stream, &lane.loaded.shape);
        let context = &lane.loaded.context;
        let description = stream.alloc_zeros::<i32>(bucket.parts().end)?;
        let activations = stream.alloc_zeros::<u16>(bucket.tokens * (3 * shape.hidden + wide_width(shape)))?;
        let pooled = stream.alloc_zeros::<f32>(bucket.texts * shape.hidden)?;
        // Memory that is freed on a stream is only there again for others once the stream has come so far.
        stream.synchronize()?;
        let sent = pinned::<i32>(context, bucket.parts().end)?;
        let vectors = pinned::<f32>(context, bucket.texts * shape.hidden)?;
        let bytes = description.num_bytes() + activations.num_bytes() + pooled.num_bytes();
        Ok(Self { bucket, description, activations, pooled, sent, vectors, tokens: None, bytes })
    }

    fn memory(&self, loaded: &Loaded, stream: &CudaStream) -> Memory {
        let rows = 2 * (self.bucket.tokens * loaded.shape.hidden) as Address;
        let x = self.activations.device_ptr(stream).0;
        Memory {
            halves: loaded.halves.device_ptr(stream).0,
            floats: loaded.floats.device_ptr(stream).0,
            description: self.description.device_ptr(stream).0,
            x,
            attended: x + rows,
            added: x + 2 * rows,
            wide: x + 3 * rows,
            pooled: self.pooled.device_ptr(stream).0,
        }
    }
}

/// Page-locked memory of zeros that this side reads and writes at full speed.
fn pinned<T>(context: &Arc<CudaContext>, count: usize) -> Result<PinnedHostSlice<T>, CallError>
where
    T: candle_core::cuda_backend::cudarc::driver::DeviceRepr
        + candle_core::cuda_backend::cudarc::driver::ValidAsZeroBits
        + Default
        + Copy,
{
    #[expect(unsafe_code, reason = "the memory is not set")]
    // SAFETY: it is set in the next line.
    let mut memory = unsafe { context.alloc_pinned_with_flags::<T>(count.max(1), 0) }?;
    memory.as_mut_slice()?.fill(T::default());
    Ok(memory)
}

impl Runner for Lane {
    type Error = CallError;

    fn run(&mut self, job: &Job, range: Range<usize>, outputs: &mut [Output]) -> Result<(), Failure<CallError>> {
        let lengths = &job.lengths[range.clone()];
        let first: usize = job.lengths[..range.start].iter().sum();
        let tokens: usize = lengths.iter().sum();
        let bucket = Bucket::of(lengths);
        self.hold(bucket, job.wanted)?;
        let result = self.compute(bucket, &job.ids[first..first + tokens], lengths, job.wanted);
        if result.is_err() {
            // Copies may still be under way in memory that the next batch writes.
            self.launcher.stream.synchronize()?;
        }
        result?;
        let hidden = self.loaded.shape.hidden;
        let room = self.room.as_ref().expect("the batch ran in it");
        let vectors = room.vectors.as_slice()?;
        let rows = match (&room.tokens, job.wanted) {
            (Some(tokens), Wanted::VectorsAndTokens) => tokens.as_slice()?,
            _ => &[],
        };
        let half = self.loaded.shape.half;
        let mut row = 0;
        for ((output, length), vector) in outputs[range].iter_mut().zip(lengths).zip(vectors.chunks_exact(hidden)) {
            output.vector = if *length == 0 { vec![0.0; hidden] } else { vector.to_vec() };
            if job.wanted == Wanted::VectorsAndTokens {
                let own = &rows[row * hidden..(row + length) * hidden];
                output.tokens = own.iter().map(|&bits| half.value(bits)).collect();
            }
            row += length;
        }
        self.counters.add_batch(tokens, bucket.tokens, self.loaded.shape, lengths);
        Ok(())
    }

    fn give_back(&mut self) {
        self.counters.add_halved();
        self.release();
    }
}

impl Lane {
    pub(super) fn new(loaded: Arc<Loaded>, pooling: Pooling, counters: Arc<Counters>) -> Result<Self, CallError> {
        loaded.context.bind_to_thread()?;
        let launcher = Launcher::new(&loaded)?;
        counters.add_memory(WORKSPACE_BYTES);
        // Waiting must not take a core from the tokenizers.
        let event = || loaded.context.new_event(Some(CUevent_flags::CU_EVENT_BLOCKING_SYNC));
        let events = [event()?, event()?, event()?, event()?];
        Ok(Self { loaded, launcher, pooling, room: None, graphs: HashMap::new(), events, counters })
    }

    /// Frees the lane's memory for batches.
    fn release(&mut self) {
        self.graphs.clear();
        if let Some(room) = self.room.take() {
            self.counters.take_memory(room.bytes);
        }
        wait_for_freed(&self.launcher.stream);
    }

    /// Sees to room for `bucket`; where there was less, all graphs go, since they name the old memory.
    fn hold(&mut self, bucket: Bucket, wanted: Wanted) -> Result<(), Failure<CallError>> {
        let held = self.room.as_ref().map(|room| room.bucket);
        if !held.is_some_and(|held| held.holds(bucket)) {
            self.release();
            let room = Room::new(self, held.map_or(bucket, |held| held.joined(bucket)));
            // Growing may be what does not fit; this batch alone may.
            let room = match (room, held) {
                (Err(error), Some(held)) if held.joined(bucket) != bucket => {
                    wait_for_freed(&self.launcher.stream);
                    Room::new(self, bucket).map_err(|_| error)
                }
                (room, _) => room,
            }?;
            self.counters.add_memory(room.bytes);
            self.room = Some(room);
        }
        let (context, hidden) = (self.loaded.context.clone(), self.loaded.shape.hidden);
        let room = self.room.as_mut().expect("it was just made");
        if wanted == Wanted::VectorsAndTokens && room.tokens.is_none() {
            room.tokens = Some(pinned(&context, room.bucket.tokens * hidden)?);
        }
        Ok(())
    }

    fn compute(
        &mut self,
        bucket: Bucket,
        ids: &[u32],
        lengths: &[usize],
        wanted: Wanted,
    ) -> Result<(), Failure<CallError>> {
        let hidden = self.loaded.shape.hidden;
        let tokens = ids.len();
        let room = self.room.as_mut().expect("room is held for the batch");
        let stream = &self.launcher.stream;
        let [start, copied, computed, done] = &self.events;
        let sent = &mut room.sent.as_mut_slice()?[..bucket.parts().end];
        describe(ids, lengths, bucket, sent);
        start.record(stream)?;
        stream.memcpy_htod(&*sent, &mut room.description.slice_mut(..sent.len()))?;
        copied.record(stream)?;
        let pass = Pass {
            machine: &self.launcher,
            shape: &self.loaded.shape,
            places: &self.loaded.places,
            memory: room.memory(&self.loaded, stream),
            bucket,
        };
        let replayed = launch(&pass, stream, self.pooling, wanted, &mut self.graphs)?;
        computed.record(stream)?;
        let vectors = &mut room.vectors.as_mut_slice()?[..lengths.len() * hidden];
        stream.memcpy_dtoh(&room.pooled.slice(..vectors.len()), vectors)?;
        if let (Some(rows), Wanted::VectorsAndTokens) = (&mut room.tokens, wanted) {
            let rows = &mut rows.as_mut_slice()?[..tokens * hidden];
            stream.memcpy_dtoh(&room.activations.slice(..rows.len()), rows)?;
        }
        done.record(stream)?;
        done.synchronize()?;
        let copy = start.elapsed_ms(copied)? + computed.elapsed_ms(done)?;
        self.counters.add_times(copy, copied.elapsed_ms(computed)?, replayed);
        Ok(())
    }
}

/// Waits until memory that was freed on the stream is free. What went wrong there is told by the next call.
fn wait_for_freed(stream: &CudaStream) {
    let _ = stream.synchronize();
}

/// Launches the pass: one by one the first time, recorded the second, replayed from then on. Returns whether it was replayed.
fn launch(
    pass: &Pass<'_, Launcher>,
    stream: &Arc<CudaStream>,
    pooling: Pooling,
    wanted: Wanted,
    graphs: &mut HashMap<(Bucket, Wanted), Recorded>,
) -> Result<bool, Failure<CallError>> {
    let key = (pass.bucket, wanted);
    match graphs.get(&key) {
        Some(Recorded::Graph(graph)) => {
            graph.launch()?;
            return Ok(true);
        }
        // The first time the driver loads kernels and cuBLAS chooses its own, which must not happen while recording.
        None => {
            pass.run(pooling, wanted)?;
            graphs.insert(key, Recorded::Once);
            return Ok(false);
        }
        Some(Recorded::Never) => {
            pass.run(pooling, wanted)?;
            return Ok(false);
        }
        Some(Recorded::Once) => {}
    }
    stream.begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)?;
    let launched = pass.run(pooling, wanted);
    let graph = stream.end_capture(CUgraphInstantiate_flags(0));
    if let (Ok(()), Ok(Some(graph))) = (launched, graph) {
        graph.launch()?;
        graphs.insert(key, Recorded::Graph(graph));
        return Ok(true);
    }
    graphs.insert(key, Recorded::Never);
    pass.run(pooling, wanted)?;
    Ok(false)
}
