//! A service's table of operations, and what documents and tools read in it.

use crate::operation_schema::OperationSchema;
use anabranch_protocol::Codec;
use anabranch_protocol::shape::RequestError;

/// A service as documents and tools see it: without one at work.
#[derive(Debug)]
pub(crate) struct Described {
    /// Where botocore keeps its model: `kinesis/2013-12-02`.
    pub(crate) model: &'static str,
    /// The operations that are there, in the order of the table.
    pub(crate) operations: &'static [&'static str],
    /// All operations, for comparison with the model.
    pub(crate) schemas: fn() -> Vec<OperationSchema>,
    /// Decodes a body as a request of an operation that is there, and forgets it.
    pub(crate) decode: DecodeFn,
}

/// Operation, format and body to whether it decodes. `None`: there is no such operation.
pub(crate) type DecodeFn = fn(&str, Codec, &[u8]) -> Option<Result<(), RequestError>>;

/// A service's table of operations: `SplitShard => split_shard` is `SplitShard` in `ops/split_shard.rs`.
macro_rules! operations {
    (
        of $service:ty, modelled in $model:literal;
        supported { $($name:ident => $module:ident,)+ }
        unsupported { $($missing:literal,)* }
    ) => {
        /// The operations that are there.
        #[derive(Clone, Copy)]
        enum Place { $($name,)+ }

        /// The table as documents and tools see it.
        pub(crate) const DESCRIBED: $crate::operation_table::Described =
            $crate::operation_table::Described {
                model: $model,
                operations: &[$(stringify!($name),)+],
                schemas,
                decode,
            };

        /// What is behind a name.
        pub(super) fn find(name: &str) -> $crate::service::Found {
            match name {
                $(stringify!($name) => $crate::service::Found::Supported(Place::$name as usize),)+
                $($missing => $crate::service::Found::Unsupported($missing),)*
                _ => $crate::service::Found::Unknown,
            }
        }

        /// Runs the operation of this place in the table.
        ///
        /// Boxed: the compiler cannot see through a future of so many generic ones.
        pub(super) fn answer<'a>(
            service: &'a $service,
            place: usize,
            call: $crate::service::Call<'a>,
        ) -> $crate::service::BoxedAnswer<'a> {
            const TABLE: &[for<'a> fn(
                &'a $service,
                $crate::service::Call<'a>,
            ) -> $crate::service::BoxedAnswer<'a>] = &[
                $(|service, call| {
                    Box::pin($crate::operation::answer::<ops::$module::$name>(service, call))
                },)+
            ];
            TABLE[place](service, call)
        }

        /// Decodes a body as the operation's request and forgets it. `None`: there is no such
        /// operation here.
        fn decode(
            operation: &str,
            codec: anabranch_protocol::Codec,
            body: &[u8],
        ) -> Option<Result<(), anabranch_protocol::RequestError>> {
            match operation {
                $(stringify!($name) => {
                    type Input<'a> =
                        <ops::$module::$name as $crate::operation::Operation>::Input<'a>;
                    Some(codec.decode_input::<Input<'_>>(body).map(drop))
                })+
                _ => None,
            }
        }

        /// Every operation of the service, for comparison with the service model.
        fn schemas() -> Vec<$crate::operation_schema::OperationSchema> {
            use $crate::operation_schema::OperationSchema;
            let mut all = vec![$(OperationSchema::of::<ops::$module::$name>(),)+];
            all.extend([$(OperationSchema::unsupported($missing),)*]);
            all
        }
    };
}

pub(crate) use operations;
