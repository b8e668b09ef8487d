//! Reading request bodies, within limits.
//!
//! All bodies share one memory. A body waits for it only so long, all its waits together. So whatever is
//! offered, what is admitted has not waited longer, and the rest is told to come again.
//!
//! What needs no body is looked at before a body gets any of it: strangers, whose heads cannot be
//! right, have a small memory of their own, and hear that they are strangers when it is full. Of the rest
//! a connection has a share, and all connections of a peer have one. Small bodies that arrived whole have
//! theirs apart: whatever large or slow ones hold, they get through.
//!
//! A body that arrives promptly has some of what it was announced with ahead, and the rest is kept free
//! for it: else bodies that have begun would wait for each other ([`BodyBudget`]). One that does not
//! has memory for what has arrived, some times that at most.
//!
//! Of one connection only so many bodies wait at once, and the next hears at once that it is to come
//! again: what their client has sent of them would hold up the others.

use crate::body_budget::{BodyBudget, BodyShare};
use crate::body_pieces::{NoData, Pieces};
use crate::connection::Connected;
use anabranch_env::{ByteBudget, ByteShare};
use bytes::Bytes;
use http_body::Body;
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// Largest body: base64 of 10 MiB of records and what stands around it.
pub(crate) const BODY_BYTES_MAX: usize = 16 << 20;
/// How long a client may take to send a body, waits for memory included.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a body waits for memory, altogether.
const MEMORY_PATIENCE: Duration = Duration::from_secs(5);
/// A body gets this many times what arrived, so that it is not copied for every piece.
const GROWTH: usize = 4;
/// The same of a body that is not large yet: most are whole before they have to grow again.
const EARLY_GROWTH: usize = 16;
/// As far as [`EARLY_GROWTH`] goes.
const EARLY_BYTES: usize = 1 << 20;
/// As much of what is announced a prompt body has before it arrived.
const AHEAD_BYTES: usize = EARLY_BYTES;
/// A body is prompt for this long, and for as long again for each [`AHEAD_BYTES`] that arrived: a line of
/// 10 megabits in a second will do. Who announces and does not send keeps others waiting no longer.
const AHEAD_PATIENCE: Duration = Duration::from_secs(1);
/// The least that a body gets that did not arrive whole.
const FIRST_BYTES: usize = 4 << 10;
/// Largest body that counts as small, and largest one that is kept of a stranger.
const SMALL_BYTES: usize = 64 << 10;

/// Memory for bodies, shared by all connections.
#[derive(Clone, Debug)]
pub(crate) struct BodyMemory {
    /// For callers who may be known.
    known: BodyBudget,
    /// For small bodies that are there already.
    whole: ByteBudget,
    strangers: ByteBudget,
    refusals: Arc<AtomicU64>,
}

/// Time that a body may still wait for memory, and whose connection it holds up.
#[derive(Debug)]
struct Patience<'a> {
    left: Duration,
    connected: &'a Connected,
}

impl<'a> Patience<'a> {
    fn new(connected: &'a Connected) -> Self {
        Self { left: MEMORY_PATIENCE, connected }
    }

    /// Waits for memory, or for one's turn.
    async fn wait<T>(&mut self, waiting: impl Future<Output = T>) -> Result<T, Busy> {
        let mut waiting = pin!(waiting);
        tokio::select! {
            biased;
            // Nearly always.
            outcome = &mut waiting => return Ok(outcome),
            () = ready(()) => {}
        }
        let _waiting = self.connected.begin_waiting().ok_or(Busy)?;
        let begun = Instant::now();
        let waited = timeout(self.left, waiting).await;
        self.left = self.left.saturating_sub(begun.elapsed());
        waited.map_err(|_| Busy)
    }
}

/// Memory did not come free in time.
struct Busy;

/// A body, and its share of the memory as long as it is held.
#[derive(Debug)]
pub(crate) struct ReadBody {
    pub(crate) bytes: Bytes,
    _share: Share,
}

/// What a body has of the memory.
#[derive(Debug)]
enum Share {
    None,
    /// Of the memory for small bodies, or for strangers.
    Own {
        _share: ByteShare,
    },
    Known {
        _share: KnownShare,
    },
}

/// A known caller's: of its connection's memory, its peer's, and everybody's.
#[derive(Debug)]
struct KnownShare([BodyShare; 3]);

/// Why a body was not read. `S` says why its sender is a stranger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyError<S> {
    /// Over [`BODY_BYTES_MAX`].
    TooLarge,
    /// The client took too long.
    TooSlow,
    /// Memory did not come free in time.
    Busy,
    /// The client went away.
    Broken,
    /// A stranger's, and there is no memory for it. It began with these bytes.
    Stranger(S, Bytes),
}

impl<S> From<Busy> for BodyError<S> {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

impl<S> From<NoData> for BodyError<S> {
    fn from(reason: NoData) -> Self {
        match reason {
            NoData::TooSlow => Self::TooSlow,
            NoData::Broken => Self::Broken,
        }
    }
}

impl BodyMemory {
    /// Memory of about that many bytes, and never less than the largest body needs.
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            known: BodyBudget::new((bytes / 16 * 13).max(BODY_BYTES_MAX as u64)),
            whole: ByteBudget::new((bytes / 8).max(1 << 20)),
            strangers: ByteBudget::new((bytes / 16).max(1 << 20)),
            refusals: Arc::default(),
        }
    }

    /// How many bodies were refused for want of memory.
    pub(crate) fn refusals(&self) -> Arc<AtomicU64> {
        self.refusals.clone()
    }

    /// Reads a body. `check` looks at its sender, as far as that goes without the body; it is not asked
    /// if there is nothing to decide.
    pub(crate) async fn read<B, S>(
        &self,
        mut body: B,
        connected: &Connected,
        check: impl FnOnce() -> Result<(), S>,
    ) -> Result<ReadBody, BodyError<S>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let claimed = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if claimed > BODY_BYTES_MAX {
            return Err(BodyError::TooLarge);
        }
        let reading = async {
            let mut pieces = Pieces::of(&mut body);
            let outcome = self.gather(&mut pieces, claimed, connected, check).await;
            if let Err(BodyError::Busy | BodyError::Stranger(..)) = outcome {
                if let Err(BodyError::Busy) = outcome {
                    self.refusals.fetch_add(1, Ordering::Relaxed);
                }
                // Many clients send everything before they look for an answer. Closed on them,
                // the connection would take the answer with it.
                pieces.discard(BODY_BYTES_MAX).await;
            }
            outcome
        };
        timeout(PATIENCE, reading).await.unwrap_or(Err(BodyError::TooSlow))
    }

    async fn gather<B, S>(
        &self,
        pieces: &mut Pieces<'_, B>,
        claimed: usize,
        connected: &Connected,
        check: impl FnOnce() -> Result<(), S>,
    ) -> Result<ReadBody, BodyError<S>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let Some(first) = pieces.next().await? else {
            return Ok(ReadBody { bytes: Bytes::new(), _share: Share::None });
        };
        // Most bodies arrive whole: then there is nothing to gather.
        if first.len() == claimed && claimed <= SMALL_BYTES && pieces.are_over() {
            let share = timeout(MEMORY_PATIENCE, self.whole.take(claimed as u64)).await;
            let share = share.map_err(|_| Busy)?;
            return Ok(ReadBody { bytes: first, _share: Share::Own { _share: share } });
        }
        match check() {
            Ok(()) => self.gather_known(pieces, first, claimed, connected).await,
            Err(stranger) => match self.gather_strange(pieces, &first, claimed).await? {
                Some(read) => Ok(read),
                None => Err(BodyError::Stranger(stranger, first)),
            },
        }
    }

    async fn gather_known<B, S>(
        &self,
        pieces: &mut Pieces<'_, B>,
        first: Bytes,
        claimed: usize,
        connected: &Connected,
    ) -> Result<ReadBody, BodyError<S>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        connected.suppose_known();
        let capacity = capacity_for(first.len(), claimed).ok_or(BodyError::TooLarge)?;
        let capacity = capacity.max(claimed.min(AHEAD_BYTES));
        let mut patience = Patience::new(connected);
        let mut share = self.begin(capacity, claimed, &mut patience).await?;
        let mut bytes = Vec::with_capacity(capacity);
        bytes.extend_from_slice(&first);
        drop(first);
        let mut begun = Instant::now();
        let mut is_prompt = true;
        loop {
            let data = match is_prompt {
                true => timeout_at(begun + prompt_for(bytes.len()), pieces.next()).await,
                false => Ok(pieces.next().await),
            };
            let Ok(data) = data else {
                is_prompt = false;
                bytes.shrink_to(capacity_for(bytes.len(), claimed).ok_or(BodyError::TooLarge)?);
                share.shrink_to(bytes.capacity());
                continue;
            };
            let Some(data) = data? else { break };
            let wanted = bytes.len() + data.len();
            if wanted > bytes.capacity() {
                let capacity = capacity_for(wanted, claimed).ok_or(BodyError::TooLarge)?;
                let waited = Instant::now();
                patience.wait(share.grow_to(capacity)).await?;
                // It was not the client who waited.
                begun += waited.elapsed();
                bytes.reserve_exact(capacity - bytes.len());
            }
            bytes.extend_from_slice(&data);
        }
        Ok(ReadBody { bytes: bytes.into(), _share: Share::Known { _share: share } })
    }

    /// A body of somebody who will be turned away: read all the same while that is cheap, for the
    /// answer may depend on it. `None`: it is not.
    async fn gather_strange<B: Body<Data = Bytes> + Unpin>(
        &self,
        pieces: &mut Pieces<'_, B>,
        first: &Bytes,
        claimed: usize,
    ) -> Result<Option<ReadBody>, NoData> {
        let capacity = if claimed == 0 { SMALL_BYTES } else { claimed };
        if capacity > SMALL_BYTES {
            return Ok(None);
        }
        let Some(share) = self.strangers.try_take(capacity as u64) else { return Ok(None) };
        let mut bytes = Vec::with_capacity(capacity);
        bytes.extend_from_slice(first);
        while let Some(data) = pieces.next().await? {
            if bytes.len() + data.len() > capacity {
                return Ok(None);
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Some(ReadBody { bytes: bytes.into(), _share: Share::Own { _share: share } }))
    }

    /// The first memory of a body. A connection or a peer that has its share waits by itself, and not
    /// where it would hold up others.
    async fn begin(
        &self,
        bytes: usize,
        claimed: usize,
        patience: &mut Patience<'_>,
    ) -> Result<KnownShare, Busy> {
        let (bytes, claimed) = (bytes as u64, claimed as u64);
        let connected = patience.connected;
        let connection = patience.wait(connected.bodies.begin(bytes, claimed)).await?;
        let peer = patience.wait(connected.peer_bodies.begin(bytes, claimed)).await?;
        let all = patience.wait(self.known.begin(bytes, claimed)).await?;
        Ok(KnownShare([connection, peer, all]))
    }
}

impl KnownShare {
    async fn grow_to(&mut self, bytes: usize) {
        for share in &mut self.0 {
            share.grow_to(bytes as u64).await;
        }
    }

    fn shrink_to(&mut self, bytes: usize) {
        for share in &mut self.0 {
            share.shrink_to(bytes as u64);
        }
    }
}

/// How long after its beginning a body is prompt of which so many bytes arrived.
fn prompt_for(arrived: usize) -> Duration {
    AHEAD_PATIENCE.mul_f64(1.0 + arrived as f64 / AHEAD_BYTES as f64)
}

/// Capacity of a buffer that must hold `wanted` bytes, in a body that is said to have `claimed` bytes,
/// 0 if nothing is said. `None` for too large a body.
fn capacity_for(wanted: usize, claimed: usize) -> Option<usize> {
    if wanted > BODY_BYTES_MAX {
        return None;
    }
    let end = if claimed == 0 { BODY_BYTES_MAX } else { claimed };
    let early = (wanted * EARLY_GROWTH).clamp(FIRST_BYTES, EARLY_BYTES);
    Some((wanted * GROWTH).max(early).min(end).max(wanted))
}

/// Reads a body and keeps nothing, within the limits of those that are kept: a client that is refused
/// while it sends may not look at the reply.
pub(crate) async fn pass_over<B: Body<Data = Bytes> + Unpin>(mut body: B) {
    let _ = timeout(PATIENCE, Pieces::of(&mut body).discard(BODY_BYTES_MAX)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body_pieces::{SILENCE_PATIENCE, SLOW_PATIENCE};
    use crate::connection::Shares;
    use http_body::{Frame, SizeHint};
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::task::JoinSet;

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

    /// What there is for known callers.
    const KNOWN: usize = MEMORY / 16 * 13;

    fn shared(connection: usize, peer: usize) -> Connected {
        let shares = Shares {
            connection_bodies: connection as u64,
            peer_bodies: peer as u64,
            connection_replies: 0,
        };
        Connected::new([127, 0, 0, 1].into(), shares, BodyBudget::new(peer as u64))
    }

    /// A body of somebody who may be known, on a connection with any share.
    async fn read(memory: &BodyMemory, body: Fake) -> Result<ReadBody, BodyError<&'static str>> {
        memory.read(body, &shared(MEMORY, MEMORY), || Ok(())).await
    }

    fn held(memory: &BodyMemory) -> usize {
        let budgets = [memory.known.bytes(), &memory.whole, &memory.strangers];
        budgets.iter().map(|budget| budget.taken_bytes() as usize).sum()
    }

    #[test]
    fn buffers_grow_with_what_arrives() {
        let claimed = 13 << 20;
        let mut steps = vec![];
        let mut capacity = 0;
        while capacity < claimed {
            capacity = capacity_for(capacity, claimed).expect("not too large");
            steps.push(capacity >> 10);
        }
        assert_eq!(steps, [4, 64, 1024, 4096, 13 << 10]);
        assert_eq!(capacity_for(10, 100), Some(100));
        assert_eq!(capacity_for(10, 0), Some(FIRST_BYTES));
        assert_eq!(capacity_for(64 << 10, 0), Some(1 << 20));
        assert_eq!(capacity_for(1 << 20, 0), Some(4 << 20));
        assert_eq!(capacity_for(BODY_BYTES_MAX, 0), Some(BODY_BYTES_MAX));
        assert_eq!(capacity_for(BODY_BYTES_MAX + 1, 0), None);
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_are_read_and_counted_while_they_are_held() {
        for (claimed, sends, piece) in
            [(0, 0, 1), (500, 500, 500), (500, 500, 9), (3 << 20, 3 << 20, 60_000), (0, 70_000, 9)]
        {
            let memory = memory();
            let body = read(&memory, Fake::new(claimed, sends, piece)).await.expect("read");
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
            assert_eq!(read(&memory(), fake).await.expect_err("refused"), BodyError::TooLarge);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_holds_nothing_and_is_given_up() {
        let memory = memory();
        let started = Instant::now();
        let reading = read(&memory, Fake::new(1 << 20, 0, 1));
        let looking = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(held(&memory), 0);
        };
        let (read, ()) = tokio::join!(reading, looking);
        assert_eq!(read.expect_err("nothing came"), BodyError::TooSlow);
        assert_eq!(started.elapsed(), SILENCE_PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_falls_silent_holds_little_more_than_it_sent() {
        for (sends, holds) in [(100, FIRST_BYTES), (1000, 16_000), (400_000, 1_600_000)] {
            let memory = memory();
            let reading = read(&memory, Fake::new(13 << 20, sends, sends));
            let looking = async {
                tokio::time::sleep(AHEAD_PATIENCE / 2).await;
                // It may be one that only begins.
                assert_eq!(held(&memory), holds.max(AHEAD_BYTES).next_multiple_of(1024));
                tokio::time::sleep(AHEAD_PATIENCE).await;
                assert_eq!(held(&memory), holds.next_multiple_of(1024));
            };
            let (read, ()) = tokio::join!(reading, looking);
            assert_eq!(read.expect_err("the rest did not come"), BodyError::TooSlow);
            assert_eq!(held(&memory), 0);
        }
    }

    /// Sends a byte in each second, for ever.
    struct Trickle(Pin<Box<tokio::time::Sleep>>);

    impl Body for Trickle {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::ready!(self.0.as_mut().poll(cx));
            self.0 = Box::pin(tokio::time::sleep(Duration::from_secs(1)));
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_is_given_up_soon() {
        let trickle = || Trickle(Box::pin(tokio::time::sleep(Duration::from_secs(1))));
        let (memory, started) = (memory(), Instant::now());
        let connected = shared(MEMORY, MEMORY);
        let read = memory.read(trickle(), &connected, || Ok::<_, ()>(())).await;
        assert_eq!(read.expect_err("too slow"), BodyError::TooSlow);
        assert_eq!(started.elapsed(), SLOW_PATIENCE);
        pass_over(trickle()).await;
        assert_eq!(started.elapsed(), 2 * SLOW_PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_at_once_do_not_wait_for_each_other_for_ever() {
        let memory = memory();
        let started = Instant::now();
        let size = 13 << 20;
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let memory = memory.clone();
                tokio::spawn(async move {
                    read(&memory, Fake::new(size, size, 64 << 10)).await.map(drop)
                })
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
        assert_eq!(memory.refusals().load(Ordering::Relaxed), 12 - read);
    }

    /// As many bodies of a peer that has half the memory as come at once when it cannot keep up: how
    /// many were read, and how long it took.
    async fn crowd(bodies: usize, size: usize) -> (usize, Duration) {
        let memory = memory();
        let started = Instant::now();
        let peer = BodyBudget::new(KNOWN as u64 / 2);
        let mut reads = JoinSet::new();
        for _ in 0..bodies {
            let (memory, peer) = (memory.clone(), peer.clone());
            reads.spawn(async move {
                let shares = shared(MEMORY, MEMORY).with_peer_bodies(peer);
                memory
                    .read(Fake::new(size, size, 8 << 10), &shares, || Ok::<_, ()>(()))
                    .await
                    .is_ok()
            });
        }
        let read = reads.join_all().await.into_iter().filter(|is_read| *is_read).count();
        assert_eq!(held(&memory), 0);
        (read, started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_of_bodies_is_read_one_memory_full_after_the_other() {
        // Each is read as soon as it has memory, and nobody waits for anybody who waits.
        assert_eq!(crowd(1000, 700_000).await, (1000, Duration::ZERO));
        assert_eq!(crowd(100, 7_000_000).await, (100, Duration::ZERO));
    }

    fn hold(budget: &ByteBudget, bytes: usize) -> ByteShare {
        budget.try_take(bytes as u64).expect("free")
    }

    /// A body that does not come at once.
    fn in_pieces(size: usize) -> Fake {
        Fake::new(size, size, size / 2)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_waits_for_its_first_memory_and_then_says_busy() {
        let memory = memory();
        let all = hold(memory.known.bytes(), KNOWN);
        let started = Instant::now();
        let refused = read(&memory, in_pieces(10)).await.expect_err("no memory");
        assert_eq!((refused, started.elapsed()), (BodyError::Busy, MEMORY_PATIENCE));
        drop(all);
        assert!(read(&memory, in_pieces(10)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn small_bodies_that_are_there_get_through_whatever_others_hold() {
        let memory = memory();
        let _all = hold(memory.known.bytes(), KNOWN);
        let connected = shared(0, 0);
        let _share = hold(connected.bodies.bytes(), 1024);
        for size in [1, SMALL_BYTES] {
            let check = || -> Result<(), &str> { panic!("nothing is to be decided") };
            let read = memory.read(Fake::new(size, size, size), &connected, check).await;
            assert_eq!(read.expect("read").bytes.len(), size);
        }
        assert!(read(&memory, Fake::new(SMALL_BYTES, SMALL_BYTES, SMALL_BYTES / 2)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_and_a_peer_have_their_shares() {
        for connected in [shared(8 << 10, MEMORY), shared(MEMORY, 8 << 10)] {
            let memory = memory();
            let reading = memory.read(Fake::new(1 << 20, 1, 1), &connected, || Ok::<_, ()>(()));
            let mut reading = std::pin::pin!(reading);
            tokio::select! {
                biased;
                _ = &mut reading => panic!("it waits for the rest"),
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
            let started = Instant::now();
            let second = memory.read(in_pieces(8000), &connected, || Ok::<_, ()>(())).await;
            assert_eq!(second.expect_err("its share is used up"), BodyError::Busy);
            assert_eq!(started.elapsed(), MEMORY_PATIENCE);
            // Nobody else noticed.
            let started = Instant::now();
            assert!(read(&memory, in_pieces(8000)).await.is_ok());
            assert!(started.elapsed() < MEMORY_PATIENCE);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_bodies_of_a_connection_wait_and_the_others_are_told_at_once() {
        let memory = memory();
        let _all = hold(memory.known.bytes(), KNOWN);
        let connected = Arc::new(shared(MEMORY, MEMORY));
        let mut refusals = JoinSet::new();
        for _ in 0..10 {
            let (memory, connected) = (memory.clone(), connected.clone());
            refusals.spawn(async move {
                let started = Instant::now();
                let refused = memory.read(in_pieces(10), &connected, || Ok::<_, ()>(())).await;
                assert_eq!(refused.expect_err("no memory"), BodyError::Busy);
                started.elapsed()
            });
        }
        let mut after = refusals.join_all().await;
        after.sort();
        assert_eq!(after[..3], [Duration::ZERO; 3]);
        assert_eq!(after[3..], [MEMORY_PATIENCE; 7]);
        // Small ones that are whole hold nothing of the window, and wait by themselves.
        assert!(memory.read(Fake::new(10, 10, 10), &connected, || Ok::<_, ()>(())).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_have_a_little_memory_and_do_not_wait() {
        let memory = memory();
        let connected = shared(MEMORY, MEMORY);
        let stranger = async |body| memory.read(body, &connected, || Err("unknown")).await;
        let small = stranger(in_pieces(1000)).await.expect("cheap enough");
        assert_eq!((small.bytes.len(), held(&memory)), (1000, 1024));
        let started = Instant::now();
        for body in [in_pieces(SMALL_BYTES + 2), Fake::new(0, SMALL_BYTES + 1, 10_000)] {
            let refused = stranger(body).await.expect_err("too much for a stranger");
            assert!(matches!(refused, BodyError::Stranger("unknown", first) if !first.is_empty()));
        }
        let _all = hold(&memory.strangers, (1 << 20) - 1024 + (MEMORY / 16 - (1 << 20)));
        let refused = stranger(in_pieces(1000)).await.expect_err("no memory");
        assert!(matches!(refused, BodyError::Stranger("unknown", _)));
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert_eq!(memory.refusals().load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_kept_longer_once_a_caller_who_may_be_known_sends_a_body() {
        for check in [Ok(()), Err("unknown")] {
            let connected = shared(MEMORY, MEMORY);
            let _ = memory().read(in_pieces(1000), &connected, || check).await;
            assert_eq!(connected.may_be_known(), check.is_ok());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_waits_of_a_body_count_together() {
        let memory = memory();
        let mut all = hold(memory.known.bytes(), KNOWN);
        let started = Instant::now();
        let reading = read(&memory, Fake::new(1 << 20, 1 << 20, 1 << 10));
        let freeing = async {
            tokio::time::sleep(MEMORY_PATIENCE * 3 / 4).await;
            all.shrink_to((KNOWN - SMALL_BYTES) as u64);
        };
        let (read, ()) = tokio::join!(reading, freeing);
        assert_eq!(read.expect_err("no more memory"), BodyError::Busy);
        // To the millisecond, which is what the clock of timeouts tells apart.
        let waited = started.elapsed().as_millis().abs_diff(MEMORY_PATIENCE.as_millis());
        assert!(waited <= 2, "{waited}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_has_begun_gets_memory_before_those_that_have_not() {
        for is_of_peer in [false, true] {
            let memory = memory();
            let connected = shared(MEMORY, KNOWN);
            let budget = if is_of_peer { &connected.peer_bodies } else { &memory.known }.bytes();
            // Room for the beginning of the one, of which nothing is expected.
            let mut held = hold(budget, KNOWN - (16 << 10));
            let read = |body| memory.read(body, &connected, || Ok::<_, ()>(()));
            let begun = read(Fake::new(0, 256 << 10, 1 << 10));
            let others = async { all((0..5).map(|_| read(in_pieces(10))).collect()).await };
            let freeing = async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                // What the one lacks, and a place for the first of the others.
                held.shrink_to((KNOWN - (272 << 10) - 1024) as u64);
                tokio::time::sleep(Duration::from_secs(1)).await;
                assert_eq!(budget.taken_bytes(), KNOWN as u64);
            };
            let reading = async {
                let started = Instant::now();
                let read = begun.await.expect("it has its memory");
                assert_eq!((read.bytes.len(), started.elapsed().as_secs()), (256 << 10, 1));
                tokio::time::sleep(Duration::from_secs(2)).await;
            };
            let ((), (), others) = tokio::join!(biased; reading, freeing, others);
            assert_eq!(others.len(), 5);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_waits_for_memory_is_prompt_all_the_same() {
        let memory = memory();
        let size = 8 << 20;
        // Those that are not large have taken all but its beginning.
        let mut held = hold(memory.known.bytes(), KNOWN - AHEAD_BYTES);
        let reading = read(&memory, Fake::new(size, size - 1, 64 << 10));
        let looking = async {
            tokio::time::sleep(AHEAD_PATIENCE * 3).await;
            held.shrink_to(0);
            tokio::time::sleep(AHEAD_PATIENCE * 8).await;
            assert_eq!(memory.known.expected().taken_bytes(), size as u64);
        };
        let (read, ()) = tokio::join!(reading, looking);
        assert_eq!(read.expect_err("it did not end"), BodyError::TooSlow);
    }

    #[tokio::test(start_paused = true)]
    async fn who_announces_and_does_not_send_keeps_others_waiting_for_a_moment_only() {
        let memory = memory();
        let size = BODY_BYTES_MAX;
        let started = Instant::now();
        let mut silent = JoinSet::new();
        for _ in 0..4 {
            let memory = memory.clone();
            silent.spawn(async move { read(&memory, Fake::new(size, 10, 10)).await.is_err() });
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        let read = read(&memory, Fake::new(size, size, 64 << 10)).await.expect("read");
        // One after the other gave up what it did not fill.
        assert_eq!((read.bytes.len(), started.elapsed().as_secs()), (size, 4));
        assert_eq!(silent.join_all().await, [true; 4]);
    }

    /// Reads all at once and holds those that were read.
    async fn all<S>(
        reads: Vec<impl Future<Output = Result<ReadBody, BodyError<S>>>>,
    ) -> Vec<ReadBody> {
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
