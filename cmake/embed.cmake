# Builds a file into a program: cmake -DINPUT=file -DOUTPUT=file.c -DNAME=symbol -P embed.cmake writes the bytes as
# `const unsigned char symbol[]` and their number as `const size_t symbol_size`.
file(READ ${INPUT} digits HEX)
string(LENGTH "${digits}" size)
math(EXPR size "${size} / 2")
string(REGEX REPLACE "(................................)" "\\1\n" digits "${digits}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${digits}")
file(WRITE ${OUTPUT} "#include <stddef.h>
extern const unsigned char ${NAME}[];
extern const size_t ${NAME}_size;
const unsigned char ${NAME}[] = {
${bytes}
0};
const size_t ${NAME}_size = ${size};
")
