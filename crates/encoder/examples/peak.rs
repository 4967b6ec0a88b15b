//! What the vector units of this machine can multiply when nothing is loaded: peak [THREADS]. The greatest of a few short runs, since
//! everything else on a machine only slows down. It is what shares of a roofline refer to; x86-64 with AVX-512 only, and no AMX.

#[cfg(not(target_arch = "x86_64"))]
fn main() {
    panic!("this measures x86-64 processors with AVX-512 only");
}

#[cfg(target_arch = "x86_64")]
#[expect(clippy::print_stdout, reason = "an example prints what it measured")]
fn main() {
    let threads: usize = std::env::args().nth(1).map_or(1, |threads| threads.parse().expect("a number of threads"));
    let units = units::here();
    assert!(!units.is_empty(), "this processor has no AVX-512");
    for unit in units {
        let all: f64 = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| unit.measure())).collect();
            workers.into_iter().map(|worker| worker.join().expect("a measurement")).sum()
        });
        println!("{}, {threads} threads: {:.0} billion multiplications and additions a second", unit.name, all / 1e9);
    }
}

#[cfg(target_arch = "x86_64")]
mod units {
    use std::arch::x86_64::{
        __m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_set1_epi32,
        _mm512_set1_ps,
    };
    use std::hint::black_box;
    use std::time::Instant;

    use pulp::bytemuck::cast;

    /// Sums that grow side by side, so that no step waits for the one before.
    const SUMS: usize = 24;
    const STEPS: usize = 1_000_000;
    const RUNS: usize = 10;

    /// An instruction that multiplies and adds.
    pub(crate) struct Unit {
        pub(crate) name: &'static str,
        /// Multiplications and additions of one instruction.
        work: usize,
        run: fn(),
    }

    impl Unit {
        /// Multiplications and additions a second of the calling thread.
        pub(crate) fn measure(&self) -> f64 {
            let run = |_| {
                let started = Instant::now();
                (self.run)();
                (SUMS * STEPS * self.work) as f64 / started.elapsed().as_secs_f64()
            };
            (0..RUNS).map(run).fold(0.0, f64::max)
        }
    }

    /// The instructions of this machine.
    #[expect(unsafe_code, reason = "the processor must have the instructions of a function that names them")]
    pub(crate) fn here() -> Vec<Unit> {
        let mut units = Vec::new();
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the feature was just found.
            units.push(Unit { name: "f32", work: 32, run: || unsafe { f32s() } });
        }
        if is_x86_feature_detected!("avx512bf16") {
            // SAFETY: the feature was just found.
            units.push(Unit { name: "bf16", work: 64, run: || unsafe { bf16s() } });
        }
        if is_x86_feature_detected!("avx512vnni") {
            // SAFETY: the feature was just found.
            units.push(Unit { name: "int8", work: 128, run: || unsafe { int8s() } });
        }
        units
    }

    #[target_feature(enable = "avx512f")]
    fn f32s() {
        let (a, b) = (black_box(_mm512_set1_ps(1.0)), black_box(_mm512_set1_ps(1e-9)));
        let mut sums: [__m512; SUMS] = black_box([_mm512_set1_ps(1.0); SUMS]);
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(a, b, *sum);
            }
        }
        black_box(sums);
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    fn bf16s() {
        let some: __m512bh = cast(black_box(_mm512_set1_epi32(0x3380_3380)));
        let mut sums: [__m512; SUMS] = black_box([_mm512_set1_ps(1.0); SUMS]);
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = _mm512_dpbf16_ps(*sum, some, some);
            }
        }
        black_box(sums);
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    fn int8s() {
        let some = black_box(_mm512_set1_epi32(0x0101_0101));
        let mut sums: [__m512i; SUMS] = black_box([_mm512_set1_epi32(1); SUMS]);
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = _mm512_dpbusd_epi32(*sum, some, some);
            }
        }
        black_box(sums);
    }
}
