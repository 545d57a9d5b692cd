-- A small link collection: what `assay demo` dumps as `bookmarked`.
create table users (
  id   bigint generated always as identity primary key,
  name text not null unique
);
create table bookmarks (
  id       bigint generated always as identity primary key,
  user_id  bigint not null references users,
  url      text not null,
  title    text not null,
  saved_at timestamptz not null
);
create table tags (
  bookmark_id bigint not null references bookmarks,
  tag         text not null,
  primary key (bookmark_id, tag)
);
create index bookmarks_by_user on bookmarks (user_id, saved_at desc);

insert into users (name) select 'reader ' || n from generate_series(1, 120) n;
