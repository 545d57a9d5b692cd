-- One more day of `bookmarked`, up to the moment of its backup. $1 is that moment.
with saved as (
  insert into bookmarks (user_id, url, title, saved_at)
    select 1 + n % 120, 'https://example.net/' || md5(n::text || ($1::timestamptz)::text), 'page ' || n, $1::timestamptz - n * interval '2 minutes'
    from generate_series(1, 600) n
  returning id
)
insert into tags select id, (array['to read', 'recipes', 'rust', 'postgres'])[1 + id % 4] from saved;
