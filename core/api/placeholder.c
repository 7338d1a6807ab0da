typedef int api_empty;
