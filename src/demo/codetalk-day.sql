-- One more day of `codetalk`, up to the moment of its backup. $1 is that moment.
insert into messages (channel_id, author_id, body, created_at)
  select 1 + n % 12, 1 + n % 250, 'message ' || n || ': ' || repeat(md5(n::text), 4), $1::timestamptz - n * interval '90 seconds'
  from generate_series(1, 900) n;
