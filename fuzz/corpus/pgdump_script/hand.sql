\set x 1
SET client_encoding = 'SJIS';
CREATE DATABASE a LOCALE 'de_DE.UTF-8' TABLESPACE fast;
\connect 'host=b dbname=a'
CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END;
GRANT a TO "b c" WITH ADMIN OPTION GRANTED BY d;
INSERT INTO t VALUES (1, E'\'', $x$;$x$), (2, U&'\00e4', NULL) ON CONFLICT (a) DO NOTHING;
COPY t (a, b) FROM stdin;
1	\N
\.
SELECT lo_create(1) \gset
