-- COPY in and out: text and CSV.
create table cp (a int, b text, c numeric(8,2));
copy cp from stdin;
1	one	1.5
2	two\ttab\nnewline\\backslash	\N
3	\N	-3
4		0
5	\x41\101é	5.555
\.
select * from cp order by a;
copy cp to stdout;
copy (select a, b from cp where a > 2 order by a desc) to stdout;
copy cp (b, a) to stdout with (delimiter '|', null 'NIL');
copy cp to stdout csv;
copy cp to stdout with (format csv, header, delimiter ';', null 'NULL', quote '''', force_quote (b));
copy cp to stdout with csv header force quote *;
truncate cp;
copy cp from stdin with (format csv);
1,"quoted, comma",1
2,"with ""quotes""",2
3,"two
lines",3
4,,
5,"",5
6, spaced ,6
\.
select a, b, b is null as isnull, c from cp order by a;
copy cp to stdout with (format csv, quote '"', escape '\');
truncate cp;
copy cp from stdin with (format csv, header true, delimiter ';', null 'NULL', force_not_null (b));
a;b;c
1;NULL;NULL
2;x;3
\.
select * from cp order by a;
copy cp (a) from stdin;
7
8
\.
copy cp (c, a) from stdin with (delimiter ',', null '-');
1.25,9
-,10
\.
select * from cp order by a;
copy cp from stdin;
11	x
\.
copy cp from stdin;
11	x	1	more
\.
copy cp from stdin;
x	x	1
\.
copy cp from stdin;
12	x	1e9
\.
copy cp from stdin;
99999999999	x	1
\.
select count(*) from cp;
copy cp (nosuch) from stdin;
\.
copy cp (a, a) from stdin;
\.
copy nosuch from stdin;
\.
copy nosuch to stdout;
copy cp from '/etc/passwd_not_there';
copy cp to stdout with (format nosuch);
copy cp to stdout with (delimiter 'ab');
copy cp to stdout with (nosuch 1);
copy cp to stdout with (format csv, quote 'ab');
copy cp to stdout with (quote '"');
copy cp to stdout with (delimiter E'\n');
copy cp to stdout (format text, format csv);
copy (insert into cp values (1)) to stdout;
copy (select 1, 'a' where false) to stdout;
copy (values (1, 'x'), (2, null)) to stdout;
copy (select 1 / 0) to stdout;
create table cpk (id int primary key, v text not null default 'd', w int check (w > 0));
copy cpk from stdin;
1	a	1
2	b	2
1	c	3
\.
copy cpk from stdin;
1	\N	1
\.
copy cpk from stdin;
1	a	0
\.
copy cpk (id) from stdin;
1
2
\.
select * from cpk order by id;
begin;
copy cpk from stdin;
3	x	3
\.
select count(*) from cpk;
rollback;
select count(*) from cpk;
copy cpk from stdin with (freeze);
\.
begin;
truncate cpk;
copy cpk from stdin with (freeze on);
5	f	1
\.
commit;
select * from cpk;
drop table cp, cpk;
create table cph (a int, b text);
copy cph from stdin;
1	x\
y
2	back\\
3	odd\\\
z
\.
select a, replace(b, E'\n', '<nl>') from cph order by a;
truncate cph;
copy cph from stdin (format csv, escape '\', header match);
a,b
1,"q\"x"
2,"q\\"
3,"multi\
line\"
end"
\.
select a, replace(b, E'\n', '<nl>') from cph order by a;
copy cph from stdin (format csv, header match);
a,b,c
\.
copy cph from stdin (format csv, header match);
a
\.
copy cph from stdin (format csv, header match);
a,
\.
copy cph from stdin (header match);
a	b
5	five
\.
copy cph from stdin (header match, delimiter ',');
b,a
\.
select count(*) from cph;
drop table cph;
create table cpc (a int primary key, b int not null, c text check (length(c) < 5), d varchar(3));
copy cpc from stdin;
1	1	a	a
2	\N	b	b
\.
copy cpc from stdin;
1	1	a	a
2	2	toolong	b
3	3	c	c
\.
copy cpc from stdin;
1	1	a	a
2	2	b	toolong
\.
copy cpc from stdin;
1	1	a\.b	a
\.
copy cpc from stdin;
1	1	a\\.b	a
2	1	\\	a\.
\.
copy cpc (a, c) from stdin;
7	a
\.
copy cpc from stdin csv;
8,1,a,"a
b"
8,1,b,c
\.
copy cpc from stdin csv;
9,1,a\.b,a
9,1,c,d
\.
copy cpc from stdin;
5	1	aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa	b
\.
copy cpc from stdin;
6	1	äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü	b
\.
copy cpc from stdin;
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa	1	a	b
\.
table cpc order by a;
drop table cpc;
