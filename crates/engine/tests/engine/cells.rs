//! An account over two cells: each stream lives in one of them, and nobody notices.

use crate::world::{Setup, entry_at, get_request, named, scope, try_put};
use anabranch_engine::error::{CreateStreamError, LimitScope, OnDemandLimit, ShardLimit};
use anabranch_engine::{
    AccountLimits, Boundless, Cells, Components, Elsewhere, Engine, EngineSettings, NewStream,
    Records, Scope, ShardPageRequest, StartingPosition, StreamMode, StreamPageRequest, Usage,
};
use anabranch_model::shard_filter::ShardFilter;
use std::sync::{Arc, OnceLock, Weak};

/// Names that end in an odd digit live in the second cell.
#[derive(Debug)]
struct TwoCells([Arc<Engine>; 2]);

impl Cells for TwoCells {
    fn of(&self, _: &Scope, name: &str) -> &Arc<Engine> {
        let last = name.bytes().last().expect("a name");
        &self.0[usize::from(last % 2)]
    }

    fn home(&self, _: &Scope) -> &Arc<Engine> {
        &self.0[0]
    }

    fn all(&self) -> &[Arc<Engine>] {
        &self.0
    }
}

/// What is used in the other cell.
#[derive(Debug, Default)]
struct Other(OnceLock<Weak<Engine>>);

impl Elsewhere for Other {
    fn usage(&self, scope: &Scope) -> Usage {
        let other = self.0.get().and_then(Weak::upgrade);
        other.map_or_else(Usage::default, |other| other.control.usage(scope))
    }
}

async fn start(other: &Arc<Other>) -> Arc<Engine> {
    let setup = Setup::default();
    let settings = EngineSettings {
        shard_limit: 12,
        account_shard_limit: 15,
        account_on_demand_limit: 2,
        ..setup.settings.clone()
    };
    let components = Components { elsewhere: other.clone(), ..setup.components() };
    Engine::start_among(setup.options, settings, components).await.expect("the cell starts")
}

async fn two_cells() -> Arc<dyn Cells> {
    let others = [Arc::<Other>::default(), Arc::<Other>::default()];
    let cells = [start(&others[0]).await, start(&others[1]).await];
    for (other, cell) in others.iter().zip(cells.iter().rev()) {
        other.0.set(Arc::downgrade(cell)).expect("set once");
    }
    Arc::new(TwoCells(cells))
}

async fn create(cells: &Arc<dyn Cells>, name: &str, shards: u32) -> Result<(), CreateStreamError> {
    let new = NewStream::provisioned(name, shards);
    cells.of(&scope(), name).control.create_stream(&scope(), new).await
}

#[tokio::test]
async fn streams_of_all_cells_are_listed_in_one_order_and_without_gaps() {
    let cells = two_cells().await;
    // The last two in one cell: what the other one has says nothing of them.
    let expected: Vec<String> = [0, 1, 2, 3, 4, 5, 6, 8].map(|number| format!("s{number}")).into();
    for name in &expected {
        create(&cells, name, 1).await.expect("created");
    }
    for limit in 1..=8 {
        let (mut names, mut token) = (Vec::new(), None::<String>);
        loop {
            let request =
                StreamPageRequest { after: None, token: token.as_deref(), limit: Some(limit) };
            let page = cells.list_streams(&scope(), &request).expect("a page");
            assert!(page.streams.len() <= limit);
            names.extend(page.streams.iter().map(|stream| stream.reference.name.to_string()));
            token = page.next_token;
            if token.is_none() {
                break;
            }
            assert_eq!(names.len() % limit, 0, "a page that is not the last is full");
        }
        assert_eq!(names, expected, "pages of {limit}");
    }
}

#[tokio::test]
async fn limits_of_an_account_hold_over_all_cells() {
    let cells = two_cells().await;
    create(&cells, "s0", 5).await.expect("created");
    create(&cells, "s1", 6).await.expect("created");
    let refused = create(&cells, "s2", 2).await;
    let Err(CreateStreamError::ShardLimit(ShardLimit { current, limit, additional, .. })) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((current, limit, additional), (11, 12, 2));
    create(&cells, "s3", 1).await.expect("the last one");
    let limits = cells.account_limits(&scope());
    let expected = AccountLimits {
        shard_limit: 12,
        open_shards: 12,
        on_demand_streams: 0,
        on_demand_limit: limits.on_demand_limit,
    };
    assert_eq!(limits, expected);
}

#[tokio::test]
async fn an_account_has_one_limit_over_all_regions_and_cells() {
    let cells = two_cells().await;
    let elsewhere = Scope { region: Arc::from("ap-south-1"), ..scope() };
    let create_elsewhere = async |name: &str, shards| {
        let new = NewStream::provisioned(name, shards);
        cells.of(&elsewhere, name).control.create_stream(&elsewhere, new).await
    };
    create(&cells, "s0", 10).await.expect("created");
    create_elsewhere("s1", 4).await.expect("created");
    for (name, additional, is_refused) in [("s2", 2, true), ("s2", 1, false), ("s3", 1, true)] {
        let answer = create_elsewhere(name, additional).await;
        assert_eq!(answer.is_err(), is_refused, "{name}");
        if let Err(error) = answer {
            let CreateStreamError::ShardLimit(ShardLimit { current, limit, scope, .. }) = error
            else {
                panic!("{error:?}");
            };
            assert_eq!((limit, scope), (15, LimitScope::Account));
            assert_eq!(current + u64::from(additional), 16);
        }
    }
}

#[tokio::test]
async fn on_demand_streams_are_counted_over_all_regions_and_cells() {
    let cells = two_cells().await;
    let create = async |region: &str, name: &str| {
        let scope = Scope { region: Arc::from(region), ..scope() };
        let new = NewStream { mode: Some(StreamMode::OnDemand), ..NewStream::named(name) };
        cells.of(&scope, name).control.create_stream(&scope, new).await
    };
    create("ap-south-1", "s0").await.expect("created");
    create("eu-west-1", "s1").await.expect("created");
    for name in ["s2", "s3"] {
        let refused = create("us-east-1", name).await;
        let Err(CreateStreamError::OnDemandLimit(OnDemandLimit { current, limit, scope, .. })) =
            refused
        else {
            panic!("{refused:?}");
        };
        assert_eq!((current, limit, scope), (2, 2, LimitScope::Account));
    }
    assert_eq!(cells.account_limits(&scope()).on_demand_streams, 0);
}

#[tokio::test]
async fn an_iterator_and_a_token_find_the_cell_that_made_them() {
    let cells = two_cells().await;
    for name in ["s0", "s1"] {
        create(&cells, name, 2).await.expect("created");
        let cell = cells.of(&scope(), name);
        let put = try_put(cell, name, &[entry_at(0, name.as_bytes())]).await;
        put.expect("stored").expect("no reshard");
    }
    let scope = scope();
    for name in ["s0", "s1"] {
        let made = cells.of(&scope, name);
        let position = StartingPosition::TrimHorizon;
        let iterator = made.data.shard_iterator(&named(made, name), "0", &position).expect("made");
        let iterator = cells.open_iterator(&iterator).expect("found");
        let found = iterator.reference(&scope);
        assert_eq!(&*found.name, name);
        let request = get_request(&scope, &iterator, 10);
        let reply =
            cells.of_stream(&found).data.get_records(request, &Boundless).await.expect("records").0;
        let record = Records::new(&reply.runs[0].body).next().expect("a record");
        assert_eq!(record.data, name.as_bytes());

        let stream = named(made, name);
        let first = ShardPageRequest::First {
            stream: &stream,
            after: None,
            filter: ShardFilter::AtLatest,
            limit: Some(1),
            created_secs: None,
        };
        let token = made.control.list_shards(&scope, &first).expect("a page").next_token;
        let found = cells.open_shard_token(&token.expect("there is more"));
        assert_eq!(&*found.expect("found").stream.reference.name, name);
    }
    assert!(cells.open_iterator("AAAA").is_err());
    assert!(cells.open_shard_token("AAAA").is_err());
}
