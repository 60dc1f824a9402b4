create database lake owner tokenarena;
