//! Where extensions of `PostgreSQL` come from: the package of Debian, Ubuntu and apt.postgresql.org, and an image that has it.

/// An extension, its package and an image, where `{}` stands for the server's major version.
type Source = (&'static str, &'static str, Option<&'static str>);

const SOURCES: &[Source] = &[
    ("address_standardizer", "postgresql-{}-postgis-3", Some("postgis/postgis:{}")),
    ("address_standardizer_data_us", "postgresql-{}-postgis-3", Some("postgis/postgis:{}")),
    ("age", "postgresql-{}-age", Some("apache/age:release_PG{}")),
    ("citus", "postgresql-{}-citus", Some("citusdata/citus")),
    ("h3", "postgresql-{}-h3", None),
    ("h3_postgis", "postgresql-{}-h3", None),
    ("hll", "postgresql-{}-hll", None),
    ("hypopg", "postgresql-{}-hypopg", None),
    ("ip4r", "postgresql-{}-ip4r", None),
    ("orafce", "postgresql-{}-orafce", None),
    ("pg_cron", "postgresql-{}-cron", None),
    ("pg_hint_plan", "postgresql-{}-pg-hint-plan", None),
    ("pg_partman", "postgresql-{}-partman", None),
    ("pg_qualstats", "postgresql-{}-pg-qualstats", None),
    ("pg_repack", "postgresql-{}-repack", None),
    ("pg_squeeze", "postgresql-{}-squeeze", None),
    ("pg_stat_kcache", "postgresql-{}-pg-stat-kcache", None),
    ("pgaudit", "postgresql-{}-pgaudit", None),
    ("pglogical", "postgresql-{}-pglogical", None),
    ("pgmq", "postgresql-{}-pgmq", Some("ghcr.io/pgmq/pg{}-pgmq")),
    ("pgrouting", "postgresql-{}-pgrouting", Some("pgrouting/pgrouting")),
    ("pgtap", "postgresql-{}-pgtap", None),
    ("plperl", "postgresql-plperl-{}", None),
    ("plperlu", "postgresql-plperl-{}", None),
    ("plpgsql_check", "postgresql-{}-plpgsql-check", None),
    ("plpython3u", "postgresql-plpython3-{}", None),
    ("pltcl", "postgresql-pltcl-{}", None),
    ("pltclu", "postgresql-pltcl-{}", None),
    ("plv8", "postgresql-{}-plv8", None),
    ("postgis", "postgresql-{}-postgis-3", Some("postgis/postgis:{}")),
    ("postgis_raster", "postgresql-{}-postgis-3", Some("postgis/postgis:{}")),
    ("postgis_sfcgal", "postgresql-{}-postgis-3", Some("postgis/postgis:{}")),
    ("postgis_tiger_geocoder", "postgresql-{}-postgis-3", Some("postgis/postgis:{}")),
    ("postgis_topology", "postgresql-{}-postgis-3", Some("postgis/postgis:{}")),
    ("prefix", "postgresql-{}-prefix", None),
    ("rum", "postgresql-{}-rum", None),
    ("semver", "postgresql-{}-semver", None),
    ("tds_fdw", "postgresql-{}-tds-fdw", None),
    ("timescaledb", "timescaledb-2-postgresql-{}", Some("timescale/timescaledb:latest-pg{}")),
    ("toastinfo", "postgresql-{}-toastinfo", None),
    ("unit", "postgresql-{}-unit", None),
    ("vector", "postgresql-{}-pgvector", Some("pgvector/pgvector:pg{}")),
    ("wal2json", "postgresql-{}-wal2json", None),
];

/// What comes with `PostgreSQL`'s own source; some packagers split it off.
const CONTRIB: &[&str] = &[
    "adminpack",
    "amcheck",
    "autoinc",
    "bloom",
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dblink",
    "dict_int",
    "dict_xsyn",
    "earthdistance",
    "file_fdw",
    "fuzzystrmatch",
    "hstore",
    "insert_username",
    "intagg",
    "intarray",
    "isn",
    "lo",
    "ltree",
    "moddatetime",
    "old_snapshot",
    "pageinspect",
    "pg_buffercache",
    "pg_freespacemap",
    "pg_logicalinspect",
    "pg_overexplain",
    "pg_prewarm",
    "pg_stat_statements",
    "pg_surgery",
    "pg_trgm",
    "pg_visibility",
    "pg_walinspect",
    "pgcrypto",
    "pgrowlocks",
    "pgstattuple",
    "postgres_fdw",
    "refint",
    "seg",
    "sslinfo",
    "tablefunc",
    "tcn",
    "tsm_system_rows",
    "tsm_system_time",
    "unaccent",
    "uuid-ossp",
    "xml2",
];

/// How to get an extension for a server of this major version: the beginning of a sentence.
#[must_use]
pub fn of(extension: &str, major: u32) -> String {
    let fill = |text: &str| text.replace("{}", &major.to_string());
    if let Some((_, package, image)) = SOURCES.iter().find(|(name, _, _)| *name == extension) {
        let image = image.map(|image| format!(" (the image {} has it)", fill(image))).unwrap_or_default();
        return format!("{extension} is in the package {}{image}", fill(package));
    }
    // Up to 12 Debian and everywhere Red Hat keep them apart.
    if CONTRIB.contains(&extension) {
        return format!("{extension} is in the package postgresql-contrib, on RPM systems postgresql{major}-contrib");
    }
    format!("{extension} may be in a package postgresql-{major}-{}", extension.trim_start_matches("pg_").replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_ones_contrib_and_others() {
        assert_eq!(of("vector", 17), "vector is in the package postgresql-17-pgvector (the image pgvector/pgvector:pg17 has it)");
        assert_eq!(of("pg_trgm", 16), "pg_trgm is in the package postgresql-contrib, on RPM systems postgresql16-contrib");
        assert_eq!(of("pg_nope_x", 15), "pg_nope_x may be in a package postgresql-15-nope-x");
        for (name, _, _) in SOURCES {
            assert!(!CONTRIB.contains(name) && !of(name, 15).contains("{}"), "{name}");
        }
        assert!(SOURCES.is_sorted_by_key(|(name, _, _)| *name) && CONTRIB.is_sorted());
    }
}
