//! Reading request bodies, within limits.
//!
//! All bodies share one memory, and callers are not known yet when it is given out. So a body
//! gets memory for what has arrived and not for what was announced, and waits for memory only so
//! long, all its waits together: requests that fill the memory together fail one after the other,
//! and do not wait for each other for ever. So whatever is offered, what is admitted has not
//! waited longer, and the rest is told to come again.
//!
//! Bodies that have begun get more memory before others begin: what they hold helps nobody until
//! they are whole.

use anabranch_env::{ByteBudget, ByteShare};
use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

/// Largest body: base64 of 10 MiB of records and what stands around it.
pub(crate) const BODY_BYTES_MAX: usize = 16 << 20;
/// How long a client may take to send a body, waits for memory included.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a client may send nothing in the middle of a body.
const SILENCE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a body waits for memory, altogether.
const MEMORY_PATIENCE: Duration = Duration::from_secs(5);
/// A claimed length up to this is believed as soon as something arrives.
const FIRST_BYTES: usize = 64 << 10;
/// A claimed length up to this is believed when [`FIRST_BYTES`] have arrived, a longer one as it
/// arrives.
const TRUSTED_BYTES: usize = 1 << 20;

/// Memory for bodies, shared by all connections.
#[derive(Clone, Debug)]
pub(crate) struct BodyMemory {
    memory: ByteBudget,
    /// Who holds nothing yet waits here, and one at a time among those who do.
    entrance: Arc<Semaphore>,
}

/// Time that a body may still wait for memory.
#[derive(Debug)]
struct Patience(Duration);

impl Patience {
    /// Waits for memory, or for one's turn.
    async fn wait<T>(&mut self, waiting: impl Future<Output = T>) -> Result<T, BodyError> {
        let begun = Instant::now();
        let waited = timeout(self.0, waiting).await;
        self.0 = self.0.saturating_sub(begun.elapsed());
        waited.map_err(|_| BodyError::Busy)
    }
}

/// A body, and its share of the memory as long as it is held.
#[derive(Debug)]
pub(crate) struct ReadBody {
    pub(crate) bytes: Bytes,
    _share: Option<ByteShare>,
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// The client waits to be told to send it.
    NotBegun,
    /// Over [`BODY_BYTES_MAX`].
    TooLarge,
    /// The client took too long.
    TooSlow,
    /// Memory did not come free in time.
    Busy,
    /// The client went away.
    Broken,
}

impl BodyMemory {
    /// Memory of that many bytes, and never less than the largest body needs.
    pub(crate) fn new(bytes: u64) -> Self {
        let memory = ByteBudget::new(bytes.max(BODY_BYTES_MAX as u64));
        Self { memory, entrance: Arc::new(Semaphore::new(1)) }
    }

    /// Reads a body.
    pub(crate) async fn read<B>(&self, mut body: B) -> Result<ReadBody, BodyError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let claimed = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if claimed > BODY_BYTES_MAX {
            return Err(BodyError::TooLarge);
        }
        let reading = async {
            let outcome = self.gather(&mut body, claimed).await;
            if let Err(BodyError::Busy) = outcome {
                // Many clients send everything before they look for an answer. Closed on them,
                // the connection would take the answer with it.
                discard(&mut body).await;
            }
            outcome
        };
        timeout(PATIENCE, reading).await.unwrap_or(Err(BodyError::TooSlow))
    }

    async fn gather<B>(&self, body: &mut B, claimed: usize) -> Result<ReadBody, BodyError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let Some(first) = next_data(body).await? else {
            return Ok(ReadBody { bytes: Bytes::new(), _share: None });
        };
        let mut patience = Patience(MEMORY_PATIENCE);
        // Most bodies arrive whole: then there is nothing to gather.
        if first.len() == claimed && body.is_end_stream() {
            let share = self.begin(claimed, &mut patience).await?;
            return Ok(ReadBody { bytes: first, _share: Some(share) });
        }
        let capacity = capacity_for(first.len(), 0, claimed).ok_or(BodyError::TooLarge)?;
        let mut share = self.begin(capacity, &mut patience).await?;
        let mut bytes = Vec::with_capacity(capacity);
        bytes.extend_from_slice(&first);
        drop(first);
        while let Some(data) = next_data(body).await? {
            let wanted = bytes.len() + data.len();
            if wanted > bytes.capacity() {
                let capacity = capacity_for(wanted, bytes.capacity(), claimed);
                let capacity = capacity.ok_or(BodyError::TooLarge)?;
                patience.wait(share.grow_to(capacity as u64)).await?;
                bytes.reserve_exact(capacity - bytes.len());
            }
            bytes.extend_from_slice(&data);
        }
        Ok(ReadBody { bytes: bytes.into(), _share: Some(share) })
    }

    /// The first memory of a body.
    async fn begin(&self, bytes: usize, patience: &mut Patience) -> Result<ByteShare, BodyError> {
        let _turn = patience.wait(self.entrance.acquire()).await?;
        patience.wait(self.memory.take(bytes as u64)).await
    }
}

/// Capacity of a buffer that must hold `wanted` bytes and has room for fewer, in a body that is
/// said to have `claimed` bytes, 0 if nothing is said. `None` for too large a body.
fn capacity_for(wanted: usize, capacity: usize, claimed: usize) -> Option<usize> {
    if wanted > BODY_BYTES_MAX {
        return None;
    }
    let end = if claimed == 0 { BODY_BYTES_MAX } else { claimed };
    let grown = match wanted <= FIRST_BYTES {
        true => FIRST_BYTES,
        false => (capacity * 2).max(claimed.min(TRUSTED_BYTES)),
    };
    Some(grown.min(end).max(wanted))
}

/// Reads a body and keeps nothing, within the limits of those that are kept: a client that is refused
/// while it sends may not look at the reply.
pub(crate) async fn pass_over<B: Body<Data = Bytes> + Unpin>(mut body: B) {
    let _ = timeout(PATIENCE, discard(&mut body)).await;
}

/// Reads on and keeps nothing, as far as a body may go.
async fn discard<B: Body<Data = Bytes> + Unpin>(body: &mut B) {
    let mut left = BODY_BYTES_MAX;
    while let Ok(Some(data)) = next_data(body).await
        && let Some(rest) = left.checked_sub(data.len())
    {
        left = rest;
    }
}

/// The next piece of data; trailers are passed over.
async fn next_data<B>(body: &mut B) -> Result<Option<Bytes>, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        let frame = timeout(SILENCE_PATIENCE, body.frame()).await;
        match frame.map_err(|_| BodyError::TooSlow)? {
            None => return Ok(None),
            Some(Err(_)) => return Err(BodyError::Broken),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::{Frame, SizeHint};
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    const MEMORY: usize = 32 << 20;

    /// Claims a length, sends some of it in pieces and lets others run in between, then falls
    /// silent unless it is done.
    struct Fake {
        claimed: usize,
        left: usize,
        sends: usize,
        piece: usize,
        is_ready: bool,
    }

    impl Fake {
        fn new(claimed: usize, sends: usize, piece: usize) -> Self {
            Self { claimed, left: claimed, sends, piece, is_ready: false }
        }
    }

    impl Body for Fake {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.is_ready = !self.is_ready;
            if self.is_ready {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let size = self.piece.min(self.sends);
            if size == 0 {
                return if self.left == 0 { Poll::Ready(None) } else { Poll::Pending };
            }
            self.sends -= size;
            self.left = self.left.saturating_sub(size);
            Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![7; size])))))
        }

        fn is_end_stream(&self) -> bool {
            self.left == 0 && self.sends == 0
        }

        fn size_hint(&self) -> SizeHint {
            let mut hint = SizeHint::new();
            hint.set_lower(self.claimed as u64);
            hint
        }
    }

    fn memory() -> BodyMemory {
        BodyMemory::new(MEMORY as u64)
    }

    fn held(memory: &BodyMemory) -> usize {
        memory.memory.taken_bytes() as usize
    }

    #[test]
    fn buffers_grow_with_what_arrives() {
        let claimed = 13 << 20;
        let mut steps = vec![];
        let mut capacity = 0;
        while capacity < claimed {
            capacity = capacity_for(capacity + 1, capacity, claimed).expect("not too large");
            steps.push(capacity >> 10);
        }
        assert_eq!(steps, [64, 1024, 2048, 4096, 8192, 13 << 10]);
        assert_eq!(capacity_for(10, 0, 100), Some(100));
        assert_eq!(capacity_for(10, 0, 0), Some(FIRST_BYTES));
        assert_eq!(capacity_for(FIRST_BYTES + 1, FIRST_BYTES, 0), Some(2 * FIRST_BYTES));
        assert_eq!(capacity_for(BODY_BYTES_MAX, 9 << 20, 0), Some(BODY_BYTES_MAX));
        assert_eq!(capacity_for(BODY_BYTES_MAX + 1, 9 << 20, 0), None);
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_are_read_and_counted_while_they_are_held() {
        for (claimed, sends, piece) in
            [(0, 0, 1), (500, 500, 500), (500, 500, 9), (3 << 20, 3 << 20, 60_000), (0, 70_000, 9)]
        {
            let memory = memory();
            let body = memory.read(Fake::new(claimed, sends, piece)).await.expect("read");
            assert_eq!(body.bytes, vec![7; sends]);
            assert!(held(&memory) >= sends);
            drop(body);
            assert_eq!(held(&memory), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_over_the_limit_is_refused_whether_it_says_so_or_not() {
        let over = BODY_BYTES_MAX + 1;
        for fake in [Fake::new(over, 0, 1), Fake::new(0, over, 1 << 20)] {
            assert_eq!(memory().read(fake).await.expect_err("refused"), BodyError::TooLarge);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_holds_nothing_and_is_given_up() {
        let memory = memory();
        let started = Instant::now();
        let reading = memory.read(Fake::new(1 << 20, 0, 1));
        let looking = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(held(&memory), 0);
        };
        let (read, ()) = tokio::join!(reading, looking);
        assert_eq!(read.expect_err("nothing came"), BodyError::TooSlow);
        assert_eq!(started.elapsed(), SILENCE_PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_falls_silent_holds_what_it_sent_for() {
        let memory = memory();
        let reading = memory.read(Fake::new(13 << 20, 100, 100));
        let looking = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(held(&memory), FIRST_BYTES);
        };
        let (read, ()) = tokio::join!(reading, looking);
        assert_eq!(read.expect_err("the rest did not come"), BodyError::TooSlow);
        assert_eq!(held(&memory), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_at_once_do_not_wait_for_each_other_for_ever() {
        let memory = memory();
        let started = Instant::now();
        let size = 13 << 20;
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let memory = memory.clone();
                tokio::spawn(
                    async move { memory.read(Fake::new(size, size, 64 << 10)).await.map(drop) },
                )
            })
            .collect();
        let mut read = 0;
        for task in tasks {
            match task.await.expect("no panic") {
                Ok(()) => read += 1,
                Err(error) => assert_eq!(error, BodyError::Busy),
            }
        }
        assert!(read > 0);
        assert!(started.elapsed() < PATIENCE);
        assert_eq!(held(&memory), 0);
    }

    fn hold(memory: &BodyMemory, bytes: usize) -> ByteShare {
        memory.memory.try_take(bytes as u64).expect("free")
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_waits_for_its_first_memory_and_then_says_busy() {
        let memory = memory();
        let all = hold(&memory, MEMORY);
        let started = Instant::now();
        let refused = memory.read(Fake::new(10, 10, 10)).await.expect_err("no memory");
        assert_eq!((refused, started.elapsed()), (BodyError::Busy, MEMORY_PATIENCE));
        drop(all);
        assert!(memory.read(Fake::new(10, 10, 10)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn all_waits_of_a_body_count_together() {
        let memory = memory();
        let mut all = hold(&memory, MEMORY);
        let started = Instant::now();
        let reading = memory.read(Fake::new(1 << 20, 1 << 20, FIRST_BYTES));
        let freeing = async {
            tokio::time::sleep(MEMORY_PATIENCE * 3 / 4).await;
            all.shrink_to((MEMORY - FIRST_BYTES) as u64);
        };
        let (read, ()) = tokio::join!(reading, freeing);
        assert_eq!(read.expect_err("no more memory"), BodyError::Busy);
        // To the millisecond, which is what the clock of timeouts tells apart.
        let waited = started.elapsed().as_millis().abs_diff(MEMORY_PATIENCE.as_millis());
        assert!(waited <= 2, "{waited}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_has_begun_gets_memory_before_those_that_have_not() {
        let memory = memory();
        let mut held = hold(&memory, MEMORY - FIRST_BYTES);
        let begun = memory.read(Fake::new(1 << 20, 1 << 20, FIRST_BYTES));
        let others =
            async { all((0..10).map(|_| memory.read(Fake::new(10, 10, 10))).collect()).await };
        let freeing = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            // What the one lacks, and a place for the first of the others.
            held.shrink_to((MEMORY - (1 << 20) - 1024) as u64);
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(memory.memory.taken_bytes(), MEMORY as u64);
        };
        let reading = async {
            let started = Instant::now();
            let read = begun.await.expect("it has its memory");
            assert_eq!((read.bytes.len(), started.elapsed().as_secs()), (1 << 20, 1));
            tokio::time::sleep(Duration::from_secs(2)).await;
        };
        let ((), (), others) = tokio::join!(biased; reading, freeing, others);
        assert_eq!(others.len(), 10);
    }

    /// Reads all at once and holds those that were read.
    async fn all(reads: Vec<impl Future<Output = Result<ReadBody, BodyError>>>) -> Vec<ReadBody> {
        let mut reads: Vec<_> = reads.into_iter().map(Box::pin).collect();
        let mut held = Vec::new();
        std::future::poll_fn(|cx| {
            reads.retain_mut(|one| match one.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(read) => {
                    held.extend(read);
                    false
                }
            });
            if reads.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        held
    }
}
