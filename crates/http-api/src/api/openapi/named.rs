//! Texts that are one of a few names.

/// A text of an answer that is one of `names`, which are those of a type elsewhere.
macro_rules! named {
    ($(#[doc = $description:literal])? $name:ident, $names:expr) => {
        $(#[doc = $description])?
        #[derive(serde::Serialize)]
        #[serde(transparent)]
        pub(crate) struct $name(pub(crate) &'static str);

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    $(.description(Some($description.trim())))?
                    .enum_values(Some($names))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

pub(crate) use named;
